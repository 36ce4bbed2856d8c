#include "wire/join_url.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <string_view>

#include "wire/paths.h"

namespace morrow::wire {

namespace {

constexpr std::string_view kScheme = "morrow://";
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

}  // namespace

std::string JoinUrl::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return std::string(kScheme) + token + "@" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + "/" +
         cluster + (ca_fingerprint.empty() ? "" : "?ca=" + ca_fingerprint);
}

bool is_join_url(const std::string& text) { return text.starts_with(kScheme); }

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
  std::string rest = text.substr(kScheme.size());
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
  rest = rest.substr(slash + 1);
  const std::size_t question = rest.find('?');
  url.cluster = rest.substr(0, question);
  try {
    check_name("cluster", url.cluster);
  } catch (const std::invalid_argument& error) {
    refuse(error.what());
  }
  if (question == std::string::npos) return url;
  const std::string query = rest.substr(question + 1);
  if (!query.starts_with("ca=")) refuse("behind the ? there can only be ca=FINGERPRINT");
  url.ca_fingerprint = query.substr(3);
  const bool hex = std::all_of(url.ca_fingerprint.begin(), url.ca_fingerprint.end(), [](char digit) {
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
  });
  if (url.ca_fingerprint.size() != kFingerprintDigits || !hex) refuse("its fingerprint is not 64 hexadecimal digits");
  return url;
}

std::string without_token(const std::string& text) {
  std::string out = text;
  for (std::size_t at = out.find(kScheme); at != std::string::npos; at = out.find(kScheme, at + kScheme.size())) {
    const std::size_t begin = at + kScheme.size();
    std::size_t end = begin;
    while (end < out.size() && is_token_letter(out[end])) ++end;
    if (end < out.size() && out[end] == '@') out.replace(begin, end - begin, "***");
  }
  return out;
}

}  // namespace morrow::wire
