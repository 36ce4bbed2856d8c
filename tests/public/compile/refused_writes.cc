// SPDX-License-Identifier: Apache-2.0
// Programs that write where nobody may: each #ifdef is one, with a piece of what the compiler says.
#include <morrow/morrow.h>

int main() {
#ifdef written_array  // assignment of read-only location
  const auto array = morrow::submit([] { return morrow::Array<int>::make(3); });
  array.get()[0] = 1;
#endif
#ifdef array_through_its_span  // assignment of read-only location
  const morrow::Array<int> array = morrow::Array<int>::make(3);
  array.span()[0] = 1;
#endif
#ifdef written_buffer  // assignment of read-only location
  morrow::Buffer buffer("text");
  *buffer.begin() = std::byte{1};
#endif
#ifdef shared_mutable_array  // use of deleted function
  auto made = morrow::Array<int>::make(3);
  const auto other = made;
#endif
}
