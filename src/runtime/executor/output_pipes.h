// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/socket.h"

namespace morrow::runtime {

/// The pipes that are the standard output and error of an executor, as the worker reads them. Thread-safe.
class OutputPipes {
 public:
  /// Their ends for writing.
  OutputPipes(wire::Fd output, wire::Fd errors);

  /// Whether the worker has not read all that was written.
  bool has_unread() const;

 private:
  wire::Fd output_;
  wire::Fd errors_;
  wire::Fd unread_output_;  ///< the ends for reading, to be polled; empty without /proc
  wire::Fd unread_errors_;
};

}  // namespace morrow::runtime
