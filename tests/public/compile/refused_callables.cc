// SPDX-License-Identifier: Apache-2.0
// Programs that must not compile: each #ifdef is one, with a piece of the message that it must give.
#include <morrow/morrow.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace {
[[maybe_unused]] int twice(int n) { return 2 * n; }
struct Virtual {
  virtual ~Virtual() = default;
  int operator()() const { return 1; }
};
}  // namespace

int main() {
  [[maybe_unused]] int local = 1;
  [[maybe_unused]] int* pointer = &local;
#ifdef capture_by_reference  // captures a pointer or a reference, which means nothing in another process
  morrow::submit([&local] { return local; });
#endif
#ifdef capture_default_by_reference  // captures a pointer or a reference
  morrow::submit([&] { return local + 1; });
#endif
#ifdef capture_pointer  // captures a pointer or a reference
  morrow::submit([pointer] { return *pointer; });
#endif
#ifdef capture_text_pointer  // captures a pointer or a reference
  const char* text = "text";
  morrow::submit([text] { return text[0]; });
#endif
#ifdef capture_string_view  // captures a pointer or a reference
  std::string_view view = "text";
  morrow::submit([view] { return view.size(); });
#endif
#ifdef capture_span  // captures a pointer or a reference
  std::span<int> span(&local, 1);
  morrow::submit([span] { return span.size(); });
#endif
#ifdef capture_reference_wrapper  // captures a pointer or a reference
  morrow::submit([ref = std::ref(local)] { return ref.get(); });
#endif
#ifdef capture_function_pointer  // captures a pointer or a reference
  morrow::submit([function = &twice] { return function(1); });
#endif
#ifdef capture_member_pointer  // captures a pointer or a reference
  struct Point {
    int x;
  };
  morrow::submit([member = &Point::x] { return Point{3}.*member; });
#endif
#ifdef capture_in_nested_lambda  // captures a pointer or a reference
  auto inner = [&local] { return local; };
  morrow::submit([inner] { return inner(); });
#endif
#ifdef capture_in_struct  // captures a pointer or a reference
  struct Holder {
    int* p;
    int n;
  } holder{pointer, 1};
  morrow::submit([holder] { return holder.n; });
#endif
#ifdef capture_in_generic_lambda  // captures a pointer or a reference
  morrow::submit([&local](auto n) { return local + n; }, 1);
#endif
#ifdef capture_this  // captures a pointer or a reference
  struct Service {
    int n = 1;
    void start() {
      morrow::submit([this] { return n; });
    }
  };
  Service().start();
#endif
#ifdef capture_opaque_class  // an object that the compiler cannot look into
  class Opaque {
   public:
    explicit Opaque(int n) : n_(n) {}
    int n() const { return n_; }

   private:
    int n_;
  } opaque(1);
  morrow::submit([opaque] { return opaque.n(); });
#endif
#ifdef capture_optional  // wrap the callable in morrow::unchecked(f)
  std::optional<int> maybe;
  morrow::submit([maybe] { return *maybe; });
#endif
#ifdef capture_string  // pass it to submit as an argument instead
  std::string text = "text";
  morrow::submit([text] { return text.size(); });
#endif
#ifdef capture_vector  // captures something that is not plain values
  std::vector<int> numbers;
  morrow::submit([numbers] { return numbers.size(); });
#endif
#ifdef standard_function  // captures something that is not plain values
  morrow::submit(std::function<int()>([] { return 1; }));
#endif
#ifdef virtual_functor  // captures something that is not plain values
  morrow::submit(Virtual());
#endif
#ifdef unchecked_string  // morrow::unchecked: the callable captures something that is not trivially copyable
  std::string text = "text";
  morrow::submit(morrow::unchecked([text] { return text.size(); }));
#endif
#ifdef not_a_function  // is not a function
  morrow::submit(5, 1);
#endif
#ifdef pointer_as_function  // is not a function
  morrow::submit(pointer);
#endif
}
