// SPDX-License-Identifier: Apache-2.0
// wc DIR... [--cluster NAME]: lines, words and bytes of all regular files below the directories, as
// `find DIR... -type f -exec cat {} + | wc` counts them. The tasks read the files, so the workers must see them too.
#include <unistd.h>

#include <algorithm>
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
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <morrow/morrow.h>

namespace {

namespace fs = std::filesystem;

// A future for each batch: small files share one, so that a task has some milliseconds of work.
constexpr std::uintmax_t kBatchBytes = 2 << 20;
constexpr std::size_t kBatchFiles = 256;
constexpr std::size_t kBatchPathBytes = 16 << 10;
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
    const std::wint_t character = std::char_traits<wchar_t>::to_int_type(wide);
    if (std::iswprint(character) == 0) continue;
    is_space(character) ? counts.separator() : counts.word_character();
  }
  return static_cast<std::size_t>(at - text.data());
}

std::string problem(const std::string& path, int error) { return path + ": " + std::strerror(error); }

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// Counts one file. Throws std::system_error when it can't be read.
Counts count_file(const std::string& path, std::vector<char>& buffer) {
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rbe"));
  if (!file) throw std::system_error(errno, std::generic_category());
  std::setbuf(file.get(), nullptr);
  Counts counts;
  std::size_t left = 0;  // bytes of an unfinished character, from the read before
  for (;;) {
    const std::size_t got = std::fread(buffer.data() + left, 1, buffer.size() - left, file.get());
    counts.bytes += static_cast<std::int64_t>(got);
    const std::size_t size = left + got;
    const std::size_t used = count({buffer.data(), size}, counts);
    left = size - used;
    std::memmove(buffer.data(), buffer.data() + used, left);
    if (std::ferror(file.get()) != 0) throw std::system_error(errno, std::generic_category());
    if (got == 0) return counts;
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

/// Walks directories in the order of `find`, symbolic links not followed, and submits what it finds as it goes.
class Walk {
 public:
  struct Batch {
    morrow::Future<Tally> tally;
    std::size_t files = 0;
  };

  explicit Walk(std::string locale) : locale_(std::move(locale)) {}

  void visit(const fs::directory_entry& entry) {
    std::error_code error;
    const fs::file_status status = entry.symlink_status(error);
    if (!fs::exists(status)) {
      problems.push_back(problem(entry.path(), error ? error.value() : ENOENT));
    } else if (fs::is_directory(status)) {
      fs::directory_iterator children(entry.path(), error);
      for (; !error && children != fs::directory_iterator(); children.increment(error)) visit(*children);
      if (error) problems.push_back(problem(entry.path(), error.value()));
    } else if (fs::is_regular_file(status)) {
      const std::uintmax_t size = entry.file_size(error);
      add(entry.path(), error ? 0 : size);
    }
  }

  /// Submits what is gathered. The tasks start while the walk goes on.
  void submit() {
    if (paths_.empty()) return;
    batches.push_back({morrow::submit({.name = "count"}, count_files, paths_, locale_), paths_.size()});
    paths_.clear();
    bytes_ = path_bytes_ = 0;
  }

  std::vector<Batch> batches;
  std::size_t files = 0;
  std::vector<std::string> problems;

 private:
  void add(const std::string& path, std::uintmax_t size) {
    const bool full = bytes_ + size > kBatchBytes || path_bytes_ + path.size() > kBatchPathBytes;
    if (full || paths_.size() == kBatchFiles) submit();
    paths_.push_back(path);
    bytes_ += size;
    path_bytes_ += path.size();
    ++files;
  }

  std::string locale_;
  std::vector<std::string> paths_;
  std::uintmax_t bytes_ = 0;
  std::size_t path_bytes_ = 0;
};

/// A bar on a terminal, a plain line elsewhere; both on standard error.
class Progress {
 public:
  Progress(std::size_t files, std::size_t batches) : files_(files), on_terminal_(isatty(STDERR_FILENO) == 1) {
    if (!on_terminal_) std::cerr << "counting " << files << " files by " << batches << " futures\n";
  }
  ~Progress() {
    if (on_terminal_) std::cerr << "\r\x1b[K" << std::flush;
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::size_t files) {
    done_ += files;
    if (!on_terminal_) return;
    constexpr std::size_t kWidth = 40;
    const std::size_t filled = kWidth * done_ / files_;
    std::cerr << "\r[" << std::string(filled, '=') << std::string(kWidth - filled, ' ') << "] " << done_ << " of "
              << files_ << " files" << std::flush;
  }

 private:
  std::size_t files_;
  std::size_t done_ = 0;
  bool on_terminal_;
};

void report(const std::vector<std::string>& problems) {
  for (const std::string& text : problems) std::cerr << "wc: " << text << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  const char* variable = std::getenv("MORROW_CLUSTER");
  std::string cluster = variable == nullptr ? "" : variable;  // none: a private worker, for this run only
  std::vector<std::string> directories;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--cluster" && i + 1 < argc) {
      cluster = argv[++i];
    } else if (argument.starts_with("-")) {
      directories.clear();
      break;
    } else {
      directories.push_back(argument);
    }
  }
  if (directories.empty()) {
    std::cerr << "usage: wc DIR... [--cluster NAME]\n";
    return 2;
  }

  const morrow::Session session(cluster);

  const auto start = std::chrono::steady_clock::now();
  const char* locale = std::setlocale(LC_CTYPE, "");
  Walk walk(locale == nullptr ? "C" : locale);
  for (const std::string& directory : directories) walk.visit(fs::directory_entry(directory));
  walk.submit();

  Counts total;
  std::vector<std::string> problems = walk.problems;
  {
    Progress progress(walk.files, walk.batches.size());
    for (const Walk::Batch& batch : walk.batches) {
      const Tally tally = batch.tally.get();
      total += tally.counts;
      problems.insert(problems.end(), tally.problems.begin(), tally.problems.end());
      progress.add(batch.files);
    }
  }
  report(problems);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  std::cout << std::fixed << std::setprecision(1) << total.lines << " lines, " << total.words << " words, "
            << total.bytes << " bytes in " << walk.files << " files (" << elapsed.count() << " s)\n";
  return problems.empty() ? 0 : 1;
}
