// SPDX-License-Identifier: Apache-2.0
#include "wire/join_url.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>
#include <string_view>

#include "wire/addresses.h"
#include "wire/paths.h"
#include "wire/tls.h"

namespace morrow::wire {

namespace {

constexpr std::string_view kScheme = "morrow://";
constexpr std::string_view kSchemeName = "morrow:";
constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kStars = "***";
constexpr std::size_t kCertainlyAToken = 32;  // letters
constexpr std::size_t kFingerprintDigits = 64;
constexpr std::size_t kMaxToken = 256;

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("this is not a line to join a cluster with: " + what +
                              "; it looks like morrow://TOKEN@HOST:PORT/CLUSTER?ca=FINGERPRINT, and comes from: morrow "
                              "token CLUSTER");
}

bool is_token_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
         letter == '-' || letter == '_';
}

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

bool same_letter(char one, char other) {
  return std::tolower(static_cast<unsigned char>(one)) == std::tolower(static_cast<unsigned char>(other));
}

bool begins_with_scheme(std::string_view text) {
  return text.size() >= kScheme.size() && std::equal(kScheme.begin(), kScheme.end(), text.begin(), same_letter);
}

void read_query(JoinUrl& url, std::string_view query) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part == "insecure") {
      url.insecure = true;
    } else if (part.starts_with("ca=")) {
      url.ca_fingerprint = part.substr(3);
      const bool hex = std::all_of(url.ca_fingerprint.begin(), url.ca_fingerprint.end(), [](char digit) {
        return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
      });
      if (url.ca_fingerprint.size() != kFingerprintDigits || !hex)
        refuse("its fingerprint is not 64 hexadecimal digits");
    } else {
      refuse("behind the ? there can only be ca=FINGERPRINT or insecure");
    }
  }
}

}  // namespace

std::string JoinUrl::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return std::string(kScheme) + token + "@" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + "/" +
         cluster +
         (!ca_fingerprint.empty() ? "?ca=" + ca_fingerprint
          : insecure              ? "?insecure"
                                  : "");
}

bool is_join_url(const std::string& text) { return begins_with_scheme(trimmed(text)); }

void parse_address(const std::string& text, std::string& host, std::uint16_t& port) {
  const std::size_t colon = text.rfind(':');
  const bool v6 = text.starts_with('[');
  if (colon == std::string::npos || (v6 && (colon == 0 || text[colon - 1] != ']')))
    throw std::invalid_argument("an address is HOST:PORT");
  host = v6 ? text.substr(1, colon - 2) : text.substr(0, colon);
  const char* const begin = text.data() + colon + 1;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, port);
  const bool strange = !std::all_of(host.begin(), host.end(), [v6](char letter) {
    return is_token_letter(letter) || letter == '.' || (v6 && (letter == ':' || letter == '%'));
  });
  if (host.empty() || strange || error != std::errc() || stop != end || port == 0)
    throw std::invalid_argument("an address is HOST:PORT, with a port from 1 to 65535");
}

JoinUrl parse_join_url(const std::string& text) {
  if (!is_join_url(text)) refuse("it does not begin with morrow://");
  std::string rest = trimmed(text).substr(kScheme.size());
  const std::size_t at = rest.find('@');
  JoinUrl url;
  if (at == std::string::npos || at == 0 || at > kMaxToken) refuse("it has no token before an @");
  url.token = rest.substr(0, at);
  if (!std::all_of(url.token.begin(), url.token.end(), is_token_letter)) refuse("its token has strange letters");
  rest = rest.substr(at + 1);
  const std::size_t slash = rest.find('/');
  if (slash == std::string::npos) refuse("it has no cluster behind the address");
  try {
    parse_address(rest.substr(0, slash), url.host, url.port);
  } catch (const std::invalid_argument& error) {
    refuse(error.what());
  }
  if (looks_like_token(url.host)) refuse("its address looks like a token");
  rest = rest.substr(slash + 1);
  const std::size_t question = rest.find('?');
  url.cluster = rest.substr(0, question);
  try {
    check_name("cluster", url.cluster);
  } catch (const std::invalid_argument& error) {
    refuse(error.what());
  }
  if (question != std::string::npos) read_query(url, std::string_view(rest).substr(question + 1));
  if (url.ca_fingerprint.empty() && !url.insecure && !is_loopback(url.host)) {
    throw std::invalid_argument(
        "this line has no ca=FINGERPRINT, so its token would go over the network for everybody to read; get a new one "
        "by: morrow token CLUSTER; or put ?insecure behind it where all on the network are trusted");
  }
  return url;
}

std::string without_token(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = std::string_view(text).substr(at);
    if (rest.size() < kSchemeName.size() ||
        !std::equal(kSchemeName.begin(), kSchemeName.end(), rest.begin(), same_letter)) {
      out += text[at++];
      continue;
    }
    const std::size_t begin = std::min(text.find_first_not_of('/', at + kSchemeName.size()), text.size());
    std::size_t end = begin;
    while (end < text.size() && is_token_letter(text[end])) ++end;
    out += text.substr(at, begin - at);
    const bool token = end - begin >= kCertainlyAToken || (end != begin && end < text.size() && text[end] == '@');
    if (token) out += kStars;
    at = token ? end : begin;
  }
  return out;
}

std::string without_bare_tokens(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_token_letter(text[end])) ++end;
    const std::string word = text.substr(at, end - at);
    out += looks_like_token(word) ? std::string(kStars) : word;
    if (end < text.size()) out += text[end++];
    at = end;
  }
  return out;
}

std::string without_token(const std::string& text, const std::string& token) {
  std::string out = without_token(text);
  if (token.empty()) return out;
  for (std::size_t at = out.find(token); at != std::string::npos; at = out.find(token, at + kStars.size()))
    out.replace(at, token.size(), kStars);
  return out;
}

}  // namespace morrow::wire
