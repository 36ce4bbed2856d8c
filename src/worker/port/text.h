// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "wire/http.h"

/// The port's answers in words. Private to port.cc, connections.cc and answers.cc.
namespace morrow::worker {

/// An answer of text to `request`: one to HEAD has no body.
void say(wire::NetStream& stream, const wire::HttpRequest& request, int status, const std::string& body,
         wire::HttpHeaders headers = {});
/// 401; false.
bool refuse(wire::NetStream& stream, const wire::HttpRequest& request);
/// 503, whole, for a connection that is not even heard.
std::string busy_answer();
/// Whether a body comes that nobody reads.
bool brings_unread_body(const wire::HttpRequest& request);

}  // namespace morrow::worker
