#pragma once

#include <optional>
#include <string>

#include <google/protobuf/message_lite.h>

#include "wire/messages.pb.h"

namespace morrow::cli {

/// Sends one request to the worker behind a socket, and reads its answer into `reply`. False when it went away or gave
/// none in time. \throws std::runtime_error when it refuses, with its sentence
bool ask_worker(const std::string& path, const std::string& cluster, wire::FrameType type,
                const google::protobuf::MessageLite& request, wire::FrameType reply_type,
                google::protobuf::MessageLite& reply);

template <class Reply>
std::optional<Reply> ask(const std::string& path, const std::string& cluster, wire::FrameType type,
                         const google::protobuf::MessageLite& request, wire::FrameType reply_type, Reply reply) {
  if (!ask_worker(path, cluster, type, request, reply_type, reply)) return std::nullopt;
  return reply;
}

}  // namespace morrow::cli
