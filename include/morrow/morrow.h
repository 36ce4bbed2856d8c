// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// All of Morrow. The headers can be included one by one too.
#include <morrow/detail/compiler.h>

#include <morrow/array.h>
#include <morrow/arrow.h>
#include <morrow/buffer.h>
#include <morrow/error.h>
#include <morrow/executor.h>
#include <morrow/find.h>
#include <morrow/future.h>
#include <morrow/literals.h>
#include <morrow/options.h>
#include <morrow/pointer_free.h>
#include <morrow/put.h>
#include <morrow/scope.h>
#include <morrow/sent_as.h>
#include <morrow/serialize.h>
#include <morrow/session.h>
#include <morrow/submit.h>
#include <morrow/unchecked.h>
#include <morrow/version.h>
#include <morrow/wait.h>
