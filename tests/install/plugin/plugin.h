// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <morrow/morrow.h>

/// What the program calls in the plugin. Each uses the session of the program.
class Plugin {
 public:
  virtual ~Plugin() = default;
  virtual int run() = 0;
  virtual int add_one(morrow::Future<int> number) = 0;
  virtual void fail() = 0;
  virtual int own_work() = 0;
};
