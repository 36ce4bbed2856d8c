// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <csignal>

/// The statement ends the process by SIGABRT, after something on standard error that contains the regular expression.
#define EXPECT_ABORT(statement, expected) EXPECT_EXIT(statement, testing::KilledBySignal(SIGABRT), expected)
