// SPDX-License-Identifier: Apache-2.0
#include "wire/tls.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <thread>

#include "wire/join_url.h"
#include "wire/net_stream.h"

namespace morrow::wire {
namespace {

constexpr std::chrono::seconds kPatience{10};

/// Takes one connection and sends back what comes.
class Echo {
 public:
  Echo() : listening_(listen_tcp("127.0.0.1", 0)), authority(make_authority("test")) {
    thread_ = std::thread([this] {
      try {
        const TlsServer tls(make_certificate(authority, "worker"), authority.certificate);
        Fd socket(accept(listening_.get(), nullptr, nullptr));
        NetStream stream(std::move(socket));
        stream.accept(tls);
        std::vector<std::byte> room(100'000);
        for (;;) {
          const std::size_t got = stream.read(room);
          if (got == 0) return;
          stream.write(std::span(room).first(got));
        }
      } catch (const std::exception&) {  // the other side did not like us
      }
    });
  }
  ~Echo() {
    shutdown(listening_.get(), SHUT_RDWR);
    thread_.join();
  }
  NetStream connect(const std::string& fingerprint) const {
    std::string host;
    std::uint16_t port = 0;
    parse_address(local_address(listening_.get()), host, port);
    return NetStream::connect(host, port, fingerprint, kPatience);
  }

 private:
  Fd listening_;
  std::thread thread_;

 public:
  const Certificate authority;
};

TEST(Tls, BytesComeThroughWholeToWhoKnowsTheAuthority) {
  const Echo echo;
  NetStream stream = echo.connect(fingerprint(echo.authority.certificate));
  std::vector<std::byte> sent(50'000);
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::byte>(i * 7);
  stream.write(sent);
  std::vector<std::byte> got(sent.size());
  stream.read_all(got);
  EXPECT_EQ(got, sent);
}

TEST(Tls, AnotherAuthorityIsRefusedWithASentence) {
  const Echo echo;
  const std::string other = fingerprint(make_authority("test").certificate);
  try {
    echo.connect(other);
    FAIL() << "it was trusted";
  } catch (const NetworkError& error) {
    EXPECT_NE(std::string(error.what()).find("another authority"), std::string::npos) << error.what();
  }
}

TEST(Tls, WhoSpeaksNoTlsIsNotHeard) {
  const Echo echo;
  NetStream stream = echo.connect("");  // not encrypted
  stream.write("GET / HTTP/1.1\r\n\r\n");
  std::array<std::byte, 64> room{};
  std::size_t got = 0;
  try {
    got = stream.read(room);
  } catch (const NetworkError&) {
  }
  // At the most an alert, no echo.
  EXPECT_TRUE(got == 0 || room[0] == std::byte{0x15});
}

TEST(Tls, SecretsAreComparedWholeAndTokensAreNeverTheSame) {
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_FALSE(same_secret("abc", "abd"));
  EXPECT_FALSE(same_secret("abc", "ab"));
  EXPECT_FALSE(same_secret("", "a"));
  EXPECT_NE(make_token(), make_token());
  EXPECT_GE(make_token().size(), 32U);
}

TEST(JoinUrl, WhatIsPrintedIsRead) {
  for (const char* host : {"127.0.0.1", "::1", "host.example"}) {
    const JoinUrl url{"token_1-A", host, 7070, "cluster", std::string(64, 'a')};
    const JoinUrl read = parse_join_url(url.text());
    EXPECT_EQ(read.text(), url.text());
    EXPECT_EQ(read.host, host);
    EXPECT_EQ(read.port, 7070);
  }
  EXPECT_TRUE(parse_join_url("morrow://t@127.0.0.1:1/c").ca_fingerprint.empty());
}

TEST(JoinUrl, ItIsReadHoweverItWasPasted) {
  for (const char* text : {" morrow://t@127.0.0.1:1/c\n", "Morrow://t@127.0.0.1:1/c", "\tMORROW://t@127.0.0.1:1/c "}) {
    EXPECT_TRUE(is_join_url(text));
    EXPECT_EQ(parse_join_url(text).text(), "morrow://t@127.0.0.1:1/c");
  }
  EXPECT_FALSE(is_join_url("morrow"));
  EXPECT_FALSE(is_join_url(" "));
}

TEST(JoinUrl, ATokenGoesOpenlyOverANetworkOnlyWhenTheLineSaysSo) {
  EXPECT_THROW(parse_join_url("morrow://t@10.0.0.1:1/c"), std::invalid_argument);
  EXPECT_THROW(parse_join_url("morrow://t@h:1/c"), std::invalid_argument);
  EXPECT_EQ(parse_join_url("morrow://t@h:1/c?insecure").text(), "morrow://t@h:1/c?insecure");
  const std::string ca = "ca=" + std::string(64, 'a');
  for (const std::string& query : {ca + "&insecure", "insecure&" + ca, ca})
    EXPECT_EQ(parse_join_url("morrow://t@h:1/c?" + query).text(), "morrow://t@h:1/c?" + ca);  // encrypted
  EXPECT_EQ(parse_join_url("morrow://t@localhost:1/c").text(), "morrow://t@localhost:1/c");
}

TEST(JoinUrl, WhatIsNoneIsRefusedWithoutItsToken) {
  for (const char* text : {"morrow://", "morrow://@h:1/c", "morrow://secret@h:1", "morrow://secret@h/c",
                           "morrow://secret@h:0/c", "morrow://secret@h:99999/c", "morrow://secret@[::1:7/c",
                           "morrow://secret@h:1/.c", "morrow://secret@h:1/c?ca=12", "morrow://secret@h:1/c?x=1",
                           "morrow://se cret@h:1/c", "morrow://secret@h@i:1/c"}) {
    try {
      parse_join_url(text);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
    }
  }
}

TEST(Token, IsKnownByItsLooks) {
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(looks_like_token(make_token()));
  for (const std::string& name : {std::string("demo"), std::string(43, 'x'), std::string(64, 'a'),
                                  std::string("a-cluster-with-a-name-of-just-43-letters-ab")})
    EXPECT_FALSE(looks_like_token(name)) << name;
}

TEST(Token, InTheWrongPlaceItIsNeverEchoed) {
  const std::string token = make_token();
  for (const std::string& line : {"morrow://abc@" + token + ":1/c", "morrow://abc@127.0.0.1:1/" + token,
                                  "morrow://abc@127.0.0.1:1/c?" + token, "morrow://abc@127.0.0.1:1/c?ca=" + token}) {
    try {
      parse_join_url(line);
      ADD_FAILURE() << line;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()).find(token), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(without_bare_tokens("no " + token + ", (" + token + ") here"), "no ***, (***) here");
  EXPECT_EQ(without_bare_tokens("a sentence\n"), "a sentence\n");
}

TEST(JoinUrl, ItsTokenIsTakenOutOfATextWhereverItStands) {
  EXPECT_EQ(without_token("run --on morrow://abc@h:1/c and morrow://def@h:2/d."),
            "run --on morrow://***@h:1/c and morrow://***@h:2/d.");
  EXPECT_EQ(without_token("nothing here"), "nothing here");
  EXPECT_EQ(without_token("Morrow://abc@h MORROW:/def@h morrow:ghi@h"), "Morrow://***@h MORROW:/***@h morrow:***@h");
  EXPECT_EQ(without_token("morrow://" + std::string(43, 'x')), "morrow://***");
  EXPECT_EQ(without_token("morrow: say what to do"), "morrow: say what to do");
  EXPECT_EQ(without_token("T=abc U=morrow://abc@h V=xabcx", "abc"), "T=*** U=morrow://***@h V=x***x");
  EXPECT_EQ(without_token("T=abc", ""), "T=abc");
}

}  // namespace
}  // namespace morrow::wire
