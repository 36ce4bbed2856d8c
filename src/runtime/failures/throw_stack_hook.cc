// SPDX-License-Identifier: Apache-2.0
// The type_info of ThrowInterceptor, made by hand: in a file of its own, since the compiler must not see the class
// here.
#include <typeinfo>

namespace morrow::runtime {

void record_throw() noexcept;

/// Not in an unnamed namespace: that would keep the object below inside this file.
struct InterceptorInfo : std::type_info {
  InterceptorInfo() : std::type_info("N6morrow7runtime16ThrowInterceptorE") {}
  bool __do_catch(const std::type_info*, void**, unsigned) const override {
    record_throw();
    return false;
  }
};

extern InterceptorInfo interceptor_info asm("_ZTIN6morrow7runtime16ThrowInterceptorE");
InterceptorInfo interceptor_info;

}  // namespace morrow::runtime
