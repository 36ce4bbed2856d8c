// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/message_lite.h>

#include "wire/messages.pb.h"

namespace morrow::cli {

/// The workers that can be asked about a cluster: the sockets of those on this machine, or the URL itself. \throws
/// std::invalid_argument for a text that is neither a name nor a URL
std::vector<std::string> places_to_ask(const std::string& cluster);
/// The name of the cluster, without the rest of a URL.
std::string name_of(const std::string& cluster);

/// Sends one request to the worker behind a socket or a URL, and reads its answer into `reply`. False when it went away
/// or gave none in time. \throws std::runtime_error when it refuses, with its sentence
bool ask_worker(const std::string& path, const std::string& cluster, wire::FrameType type,
                const google::protobuf::MessageLite& request, wire::FrameType reply_type,
                google::protobuf::MessageLite& reply);

/// Says on standard error that nobody answered, and why; 1.
int nobody_answered(const std::string& cluster);

template <class Reply>
std::optional<Reply> ask(const std::string& path, const std::string& cluster, wire::FrameType type,
                         const google::protobuf::MessageLite& request, wire::FrameType reply_type, Reply reply) {
  if (!ask_worker(path, cluster, type, request, reply_type, reply)) return std::nullopt;
  return reply;
}

}  // namespace morrow::cli
