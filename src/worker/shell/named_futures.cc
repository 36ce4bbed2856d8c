// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/named_futures.h"

#include <memory>
#include <string>
#include <utility>

#include "base/sha256.h"
#include "control/cluster.h"
#include "worker/shell/convert.h"

namespace morrow::worker {

namespace {

/// Keeps those files of the program that the store has. True: it has all of them.
bool keep_files(store::Store& store, control::ScopeId user, const std::string& bytes) {
  wire::Program program;
  if (!program.ParseFromString(bytes)) return false;
  bool all = true;
  for (const wire::Module& module : program.modules()) {
    if (module.system() || module.sha256().size() != base::kSha256Bytes) continue;
    all &= control::use_blob(store, module.sha256(), user);
  }
  return all;
}

}  // namespace

void NamedFutures::find(const Waiter& who, std::string_view payload) {
  wire::Find question;
  wire::parse(question, payload);
  auto found = std::make_shared<wire::Found>();
  found->set_token(question.token());
  means_.post(
      StoreLane::kClaim,
      [found, name = question.name()](store::Store& store) {
        found->clear_id();
        found->set_complete(false);
        found->clear_again();
        const auto named = control::find_named(store, name);
        if (!named) return;
        set_id(found->mutable_id(), named->id);
        if (named->again != control::FutureId{}) set_id(found->mutable_again(), named->again);
        const auto program = control::program_used(store, named->id.scope);
        found->set_complete(program && keep_files(store, named->id.scope, *program));
      },
      [this, found, who] { means_.send(who, wire::FOUND, *found); });
}

}  // namespace morrow::worker
