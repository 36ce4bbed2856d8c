// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// find: a detached future, by its name.

#include <morrow/detail/compiler.h>

#include <string>

#include <morrow/detail/core.h>
#include <morrow/error.h>
#include <morrow/future.h>

namespace morrow {

/// \addtogroup submitting
/// \{

/// The future that was submitted with Options::detached and this name, in any session of the cluster:
///
///     morrow::submit({.detached = true, .name = "nightly"}, simulate, 1'000'000);  // on Friday
///     double result = morrow::find<double>("nightly").get();                       // on Monday
///
/// Such a future, and its program, stay in the store when its driver and all workers have ended: the next worker of the
/// cluster runs it. submit() returns when all of that is in the store. It is there until Future::release, so that
/// another one of its name can be submitted; until then submit() throws NameTakenError.
///
/// What it depends on lives until it has ended, and so does all else of the session or block that this is of. A future
/// that it has only captured does not: give it as an argument. A large value lies with workers, and is computed again
/// when all that hold it have died, but not when that needs large arguments or dependencies that are gone.
///
/// A task that is tried again, and submits it again, gets the one that its last attempt has submitted.
///
/// `T` must be the type of the value: nothing checks it but the decoding. Thread-safe.
///
/// \throws NotFoundError when there is none of that name.
/// \throws SessionError when no Session is open. std::invalid_argument when the name is empty or over 256 bytes.
template <class T>
Future<T> find(const std::string& name) {
  return Future<T>(detail::find(name));
}

/// \}

}  // namespace morrow
