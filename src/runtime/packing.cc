#include <morrow/detail/core.h>
#include <morrow/submit.h>

// What packing a call needs and need not be compiled in each program.
namespace morrow::detail {

void append(Bytes& bytes, const void* data, std::size_t size) {
  const auto* const begin = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

const Options& default_options() {
  static const Options options;
  return options;
}

}  // namespace morrow::detail
