// SPDX-License-Identifier: Apache-2.0
//
// Which file is Morrow's own command? To run another one, with the arguments of a worker, may do anything; when it is
// the user's program, which starts a private worker itself, it does so without end.
//
// A name says nothing: there are other programs of that name, and a user's may have it. So a file is looked into before
// it is started: the command carries a note (wire/command_note.h), as the linker writes them. Only what MORROW_COMMAND
// names may be a script, by which people start things their own way; should that start the program that asked, the
// program finds the arguments of a worker on its own command line, or above it, or itself above it again and again, and
// refuses.
//
// The library's own command comes first, beside which it was installed. Then what the environment says, the command of
// the build that the program is a part of, or what that build installs, and what PATH finds. Nothing is looked for
// beside the program.
//
// Whoever can change the command, or put another file in its place, has what he likes run as this user. So it is
// started only where that is nobody but the user and root (base/trusted_path.h); one that was found elsewhere is passed
// by, and named when there is no other.
#include "runtime/driver/find_command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include <morrow/detail/command_place.h>
#include <morrow/error.h>

#include "base/environment.h"
#include "base/process_facts.h"
#include "base/trusted_path.h"
#include "runtime/image/elf_image.h"
#include "wire/command_note.h"
#include "wire/worker_door.h"

namespace morrow {

namespace {

constexpr int kMostOfOneProgram = 8;  // one above the other, with no worker between them

/// What the builds of this program and its libraries have said, each for itself.
struct Places {
  const char* installed = nullptr;
  const char* built = nullptr;
};

Places& places() {
  static Places all;
  return all;
}

bool is_program(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && access(path.c_str(), X_OK) == 0;
}

bool is_command(const std::string& path) {
  if (!is_program(path)) return false;
  try {
    return runtime::ElfFile(path).has_note(wire::kCommandNoteOwner, wire::kCommandNoteType);
  } catch (const std::system_error&) {
    return false;  // it can be executed, and not read
  }
}

bool is_script(const std::string& path) {
  std::array<char, 2> begin{};
  return is_program(path) && std::ifstream(path).read(begin.data(), begin.size()) && begin[0] == '#' && begin[1] == '!';
}

/// Looks at one place after another.
class Search {
 public:
  /// Whether the command is there, and nobody else could have put it there.
  bool finds(const std::string& path) {
    if (!is_command(path)) return false;
    const auto trusted = base::trusted_path(path);
    if (!trusted && passed_by_.empty()) passed_by_ = trusted.problem();
    return trusted.ok();
  }
  std::string find_on_path() {
    std::string rest = base::environment("PATH");
    while (!rest.empty()) {
      const std::size_t colon = rest.find(':');
      const std::string folder = rest.substr(0, colon);
      if (!folder.empty() && finds(folder + "/morrow")) return folder + "/morrow";
      rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
    }
    return "";
  }
  [[noreturn]] void fail() const {
    if (!passed_by_.empty())
      throw SessionError(
          "a Session with no cluster name starts a private worker, but the morrow command that was found is not to be "
          "trusted: " +
          passed_by_);
    throw SessionError(
        "a Session with no cluster name starts a private worker, but the morrow command is not found; put it on PATH "
        "or set MORROW_COMMAND to its path");
  }

 private:
  std::string passed_by_;  ///< why the first was, that others could have changed
};

/// What MORROW_COMMAND names. \throws SessionError
std::string checked_name(const std::string& named) {
  const std::string says = std::string(base::kCommandVariable) + " names " + named + ", ";
  if (!is_command(named) && !is_script(named)) {
    const bool is_there = access(named.c_str(), F_OK) == 0;
    throw SessionError(says + (is_there ? "which is not Morrow's command" : "and there is no such file") +
                       "; set it to the morrow that was installed with the library");
  }
  if (const auto trusted = base::trusted_path(named); !trusted)
    throw SessionError(says + "which is not to be trusted: " + trusted.problem());
  return named;
}

// Whether that process was started with the arguments of a private worker.
bool is_called_worker(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
  const std::string line{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  using std::string_view_literals::operator""sv;
  return line.find("\0worker\0--private\0"sv) != std::string::npos;
}

}  // namespace

bool detail::tell_command_place(CommandPlace place, const char* path) {
  (place == CommandPlace::kInstalled ? places().installed : places().built) = path;
  return true;
}

std::string runtime::find_command() {
  const Places& known = places();
  Search search;
  if (known.installed != nullptr && search.finds(known.installed)) return known.installed;
  if (known.installed == nullptr && known.built == nullptr && search.finds(MORROW_CONFIGURED_COMMAND))
    return MORROW_CONFIGURED_COMMAND;
  if (const std::string named = base::environment(base::kCommandVariable); !named.empty()) return checked_name(named);
  if (known.built != nullptr) {
    for (const char* path : {known.built, MORROW_CONFIGURED_COMMAND}) {
      if (search.finds(path)) return path;
    }
  }
  if (std::string found = search.find_on_path(); !found.empty()) return found;
  search.fail();
}

void runtime::refuse_to_be_worker() {
  const base::FileId own = base::program_of(getpid());
  int of_this_program = 0;
  for (const pid_t pid : base::with_ancestors(getpid())) {
    if (wire::connect_to_ancestor(pid)) return;  // a worker indeed: a task of it has started us
    if (base::program_of(pid) == own) ++of_this_program;
    if (is_called_worker(pid) || of_this_program > kMostOfOneProgram)
      throw SessionError("this program was started as the private worker of a program, and it is none; set " +
                         std::string(base::kCommandVariable) + " to the morrow command");
  }
}

}  // namespace morrow
