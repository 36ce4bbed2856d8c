// wc DIR... [--cluster NAME]: lines, words and bytes of all regular files below the directories, as
// `find DIR... -type f -exec cat {} + | wc` counts them. The tasks read the files, so the workers must see them too.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <clocale>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <cwctype>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <morrow/morrow.h>

namespace {

namespace fs = std::filesystem;

// A future for each batch: small files share one, so that a task has some milliseconds of work.
constexpr std::uintmax_t kBatchBytes = 2 << 20;
constexpr std::size_t kBatchFiles = 256;
constexpr std::size_t kReadBytes = 1 << 20;

/// What was counted in a stretch of text. Two stretches that follow each other add up: `+=` sees to the word that goes
/// on from one into the other.
struct Counts {
  std::int64_t lines = 0;
  std::int64_t words = 0;
  std::int64_t bytes = 0;
  bool decided = false;         // it holds something that begins or ends a word
  bool starts_in_word = false;  // what it holds first, and last
  bool ends_in_word = false;

  void word_character() {
    if (!decided) starts_in_word = true;
    if (!ends_in_word) ++words;
    decided = ends_in_word = true;
  }
  void separator() {
    decided = true;
    ends_in_word = false;
  }
  Counts& operator+=(const Counts& next) {
    lines += next.lines;
    words += next.words - (ends_in_word && next.starts_in_word ? 1 : 0);
    bytes += next.bytes;
    if (!decided) starts_in_word = next.starts_in_word;
    if (next.decided) ends_in_word = next.ends_in_word;
    decided = decided || next.decided;
    return *this;
  }
};

/// What a task gives back: plain structs, strings and containers travel as they are.
struct Tally {
  Counts counts;
  std::vector<std::string> problems;
};

bool is_space(std::wint_t c) {
  // wc takes these for spaces, which iswspace does not.
  const bool no_break_space = c == 0xa0 || c == 0x2007 || c == 0x202f || c == 0x2060;
  return no_break_space || std::iswspace(c) != 0;
}

/// Counts the characters of `text` and returns how many of its bytes it took: an unfinished character at the end is
/// left. The rules are those of wc: what cannot be printed neither begins nor ends a word.
std::size_t count(std::string_view text, Counts& counts) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < 0x80) {
      ++at;
      if (byte == '\n') ++counts.lines;
      if (byte == ' ' || (byte >= '\t' && byte <= '\r')) {
        counts.separator();
      } else if (byte > ' ' && byte < 0x7f) {
        counts.word_character();
      }
      continue;
    }
    wchar_t wide = 0;
    std::mbstate_t state{};
    const std::size_t size = std::mbrtowc(&wide, at, static_cast<std::size_t>(end - at), &state);
    if (size == static_cast<std::size_t>(-2)) break;
    if (size == static_cast<std::size_t>(-1)) {
      ++at;
      continue;
    }
    at += std::max<std::size_t>(size, 1);
    const auto character = static_cast<std::wint_t>(wide);
    if (std::iswprint(character) == 0) continue;
    is_space(character) ? counts.separator() : counts.word_character();
  }
  return static_cast<std::size_t>(at - text.data());
}

std::string problem(const std::string& path, int error) { return path + ": " + std::strerror(error); }

/// Counts one file. Throws std::system_error when it can't be read.
Counts count_file(const std::string& path, std::vector<char>& buffer) {
  std::ifstream file;
  file.rdbuf()->pubsetbuf(nullptr, 0);
  errno = 0;
  file.open(path, std::ios::binary);
  if (!file) throw std::system_error(errno, std::generic_category());
  Counts counts;
  std::size_t left = 0;  // bytes of an unfinished character, from the read before
  for (;;) {
    errno = 0;
    const auto room = static_cast<std::streamsize>(buffer.size() - left);
    const std::streamsize got = file.rdbuf()->sgetn(buffer.data() + left, room);
    if (got <= 0) {
      if (errno != 0) throw std::system_error(errno, std::generic_category());
      return counts;
    }
    counts.bytes += got;
    const std::size_t size = left + static_cast<std::size_t>(got);
    const std::size_t used = count({buffer.data(), size}, counts);
    left = size - used;
    std::memmove(buffer.data(), buffer.data() + used, left);
  }
}

/// The task: counts a batch of files, one after another. A file that can't be read is reported and left out.
Tally count_files(const std::vector<std::string>& paths, const std::string& locale) {
  std::setlocale(LC_CTYPE, locale.c_str());  // which bytes are characters, as at the driver
  std::vector<char> buffer(kReadBytes);
  Tally tally;
  for (const std::string& path : paths) {
    try {
      tally.counts += count_file(path, buffer);
    } catch (const std::system_error& error) {
      tally.problems.push_back(problem(path, error.code().value()));
    }
  }
  return tally;
}

}  // namespace
