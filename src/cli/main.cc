// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include <morrow/version.h>

#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/view.h"
#include "wire/join_url.h"

// By this note a session knows the command before it starts it: wire/command_note.h has its owner and type. Lengths of
// owner and value, type, owner, value.
asm(R"(
  .pushsection .note.morrow.command, "a", @note
  .balign 4
  .long 7, 4, 1
  .asciz "Morrow"
  .balign 4
  .long 1
  .popsection
)");

namespace {

using morrow::cli::kFailed;
using morrow::cli::kWrongUse;

int complain(const std::string& sentence, int status) {
  morrow::cli::complain(morrow::wire::without_token(sentence));
  return status;
}

/// The arguments, the last first, as the parser takes them. A token among them is not left for `ps` to show.
std::vector<std::string> take_arguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    arguments.emplace_back(argv[i]);
    if (morrow::wire::without_token(arguments.back()) != arguments.back())
      std::memset(argv[i], '*', arguments.back().size());
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Morrow: distributed futures for C++20.", "morrow");
  app.set_version_flag("--version", std::string("morrow ") + morrow::kVersion);
  app.require_subcommand(0, 1);
  app.footer(
      "`morrow COMMAND --help` tells more. Exit status: 0 done, 1 it could not be done, 2 wrong use, 3 with --warn: "
      "there is cause for worry.");
  int exit_status = 0;
  morrow::cli::add_worker(app, exit_status);
  morrow::cli::add_status(app, exit_status);
  morrow::cli::add_objects(app, exit_status);
  morrow::cli::add_token(app, exit_status);
  morrow::cli::add_why(app, exit_status);
  morrow::cli::add_list(app, exit_status);
  morrow::cli::add_summary(app, exit_status);
  morrow::cli::add_logs(app, exit_status);
  morrow::cli::add_cancel(app, exit_status);
  morrow::cli::add_stop(app, exit_status);
  morrow::cli::add_drain(app, exit_status);
  for (CLI::App* command : app.get_subcommands({}))
    command->set_version_flag("--version", std::string("morrow ") + morrow::kVersion);
  try {
    app.parse(take_arguments(argc, argv));
    if (app.get_subcommands().empty())
      return complain(
          "say what to do: worker, status, why, list, summary, logs, cancel, drain, stop, objects or token; see --help",
          kWrongUse);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return complain(std::string(error.what()) + "; see --help", kWrongUse);
  } catch (const std::invalid_argument& error) {
    return complain(error.what(), kWrongUse);
  } catch (const std::exception& error) {
    return complain(error.what(), kFailed);
  }
  return exit_status;
}
