// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace morrow::wire {

/// How to reach a cluster from another host: `morrow://TOKEN@HOST:PORT/CLUSTER?ca=FINGERPRINT`. Without `ca` the
/// connection is not encrypted; beyond this machine that is only done for lines that say `?insecure`.
struct JoinUrl {
  std::string token;
  std::string host;
  std::uint16_t port = 0;
  std::string cluster;
  std::string ca_fingerprint;
  bool insecure = false;

  std::string text() const;
};

/// Spaces around it and the case of its scheme do not matter.
bool is_join_url(const std::string& text);
/// \throws std::invalid_argument with one sentence, which never has the token in it
JoinUrl parse_join_url(const std::string& text);

/// "HOST:PORT", "[::1]:PORT". \throws std::invalid_argument
void parse_address(const std::string& text, std::string& host, std::uint16_t& port);

/// The text with every token of a join URL in it replaced by stars, also of one that is not quite a URL.
std::string without_token(const std::string& text);
/// The text with all words in it that look like a token replaced by stars: for sentences.
std::string without_bare_tokens(const std::string& text);
/// As without_token(text), and with this token replaced wherever else it stands.
std::string without_token(const std::string& text, const std::string& token);

}  // namespace morrow::wire
