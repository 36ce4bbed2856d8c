// SPDX-License-Identifier: Apache-2.0
// Programs that must not compile: each #ifdef is one, with a piece of the message that it must give.
#include <morrow/morrow.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {
[[maybe_unused]] int twice(int n) { return 2 * n; }
struct Row {
  const char* name;
  int number;
};
struct Deep {
  std::string text;
  std::vector<Row> rows;
};
struct alignas(128) Overaligned {
  double values[16];
};
class Closed {
 public:
  explicit Closed(std::string text) : text_(std::move(text)) {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};
class NoDefault {
 public:
  explicit NoDefault(int n) : text_(std::to_string(n)) {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text_);
  }

 private:
  std::string text_;
};
struct Base {
  int n = 0;
};
struct WithBase : Base {
  std::string text;
};
struct HoldsMutex {
  std::string text;
  std::mutex mutex;
};
class Opaque {
 public:
  explicit Opaque(int n) : n_(n) {}
  int n() const { return n_; }

 private:
  int n_;
};
class Hidden {
 public:
  std::string text;

 private:
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text);
  }
};
class HiddenInBytes {
 public:
  int n = 0;

 private:
  template <class Archive>
  void serialize(Archive& archive) {
    archive(n);
  }
};
struct HasArray {
  std::string texts[2];
  int n = 0;
};
struct HasReference {
  std::string text;
  const std::string& other = text;
};
struct HasReferenceAmongSix {
  int one = 1;
  int two = 2;
  int three = 3;
  int four = 4;
  std::string text;
  const std::string& other = text;
};
/// Nobody can add to it.
class Theirs {
 public:
  explicit Theirs(int n) : text_(std::to_string(n)) {}
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};
struct Serialized {
  int n = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(n);
  }
};
struct Inherits : Serialized {
  std::string text;
};
struct InheritsBytes : Serialized {
  int more = 0;
};
struct Derived : Serialized {
  std::string text;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(n, text);
  }
};
struct OnlySaved {
  std::string text;
  template <class Archive>
  void save(Archive& archive) const {
    archive(text);
  }
};
struct LyingSerialize {
  std::thread thread;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(thread);
  }
};
}  // namespace

int main() {
#ifdef pointer_argument  // CannotBeSent<int*
  int local = 1;
  morrow::submit([](int* p) { return *p; }, &local);
#endif
#ifdef text_pointer_parameter  // a pointer or a reference cannot be sent to another process
  morrow::submit([](const char* text) { return text[0]; }, "text");
#endif
#ifdef string_view_parameter  // a std::string for a std::string_view
  morrow::submit([](std::string_view text) { return text.size(); }, "text");
#endif
#ifdef span_argument  // a std::vector for a std::span
  std::vector<int> numbers;
  morrow::submit([](std::span<int> s) { return s.size(); }, numbers);
#endif
#ifdef pointer_in_struct  // CannotBeSent<const char*
  morrow::submit([](Row row) { return row.number; }, Row{"one", 1});
#endif
#ifdef pointer_deep_inside  // CannotBeSent<const char*
  morrow::submit([](const Deep& deep) { return deep.rows.size(); }, Deep());
#endif
#ifdef thread_argument  // std::thread
  morrow::submit([](std::thread) {}, std::thread());
#endif
#ifdef thread_in_map  // std::thread
  morrow::submit([](const std::map<int, std::thread>&) {}, std::map<int, std::thread>());
#endif
#ifdef class_without_serialize  // template <class Archive> void serialize(Archive& archive) { archive(field, ...); }
  morrow::submit([](const Closed& closed) { return closed.text(); }, Closed("text"));
#endif
#ifdef class_without_serialize_result  // {anonymous}::Closed
  morrow::submit([] { return Closed("text"); });
#endif
#ifdef class_without_serialize_in_vector  // {anonymous}::Closed
  morrow::submit([](const std::vector<Closed>& v) { return v.size(); }, std::vector<Closed>());
#endif
#ifdef no_default_constructor  // needs a default constructor
  morrow::submit([] { return NoDefault(1); });
#endif
#ifdef aggregate_with_base  // has a base class, a C array
  morrow::submit([] { return WithBase(); });
#endif
#ifdef aggregate_with_array  // has a base class, a C array
  morrow::submit([] { return HasArray(); });
#endif
#ifdef mutex_holder  // {anonymous}::HoldsMutex
  morrow::submit([] { return std::vector<std::unique_ptr<HoldsMutex>>(); });
#endif
#ifdef array_of_text  // its elements can have no pointer in them
  morrow::Array<std::string> texts;
#endif
#ifdef array_of_overaligned  // give their type a smaller alignas
  morrow::Array<Overaligned> pages;
#endif
#ifdef pointer_result  // CannotBeSent<int*
  morrow::submit([]() -> int* { return nullptr; });
#endif
#ifdef text_literal_result  // CannotBeSent<const char*
  morrow::submit([] { return "text"; });
#endif
#ifdef string_view_result  // a std::string for a std::string_view
  morrow::submit([] { return std::string_view("text"); });
#endif
#ifdef opaque_class  // give it constexpr constructors or = default
  morrow::submit([] { return Opaque(1); });
#endif
#ifdef opaque_class_in_vector  // morrow::plain_bytes<TYPE> = true
  morrow::submit([] { return std::vector<Opaque>(); });
#endif
#ifdef hidden_serialize  // make it public or befriend cereal::access
  morrow::submit([] { return Hidden(); });
#endif
#ifdef hidden_serialize_of_bytes  // make it public or befriend cereal::access
  morrow::submit([] { return HiddenInBytes(); });
#endif
#ifdef inherited_serialize  // has its serialize from a base class
  morrow::submit([] { return Inherits(); });
#endif
#ifdef inherited_serialize_of_bytes  // cereal::base_class<BASE>(this)
  morrow::submit([] { return InheritsBytes(); });
#endif
#ifdef half_a_pair  // only half of one
  morrow::submit([] { return OnlySaved(); });
#endif
#ifdef standard_function_argument  // this type of the standard library
  morrow::submit([](const std::function<int()>& f) { return f(); }, std::function<int()>());
#endif
#ifdef reference_in_struct  // CannotBeSent<const std::
  morrow::submit([](const HasReference& has) { return has.text; }, HasReference());
#endif
#ifdef reference_among_six_fields  // CannotBeSent<const std::
  morrow::submit([](const HasReferenceAmongSix& has) { return has.text; }, HasReferenceAmongSix());
#endif
#ifdef no_default_behind_shared_pointer  // morrow::SentAs<TYPE>
  morrow::submit([] { return std::make_shared<Theirs>(1); });
#endif
#ifdef class_of_others  // if it is not yours, say as what it travels: template <> struct morrow::SentAs<TYPE>
  morrow::submit([] { return Theirs(1); });
#endif
#ifdef lambda_with_text  // a lambda that is sent as a value
  std::string text = "text";
  morrow::submit([](const auto& f) { return f(); }, [text] { return text.size(); });
#endif
#ifdef lambda_with_pointer  // a lambda that is sent as a value
  int local = 1;
  morrow::submit([](const auto& f) { return f(); }, [&local] { return local; });
#endif
#ifdef class_in_function  // can have none: move it out
  class Local {
   public:
    explicit Local(int n) : text_(std::to_string(n)) {}
    const std::string& text() const { return text_; }

   private:
    std::string text_;
  };
  morrow::submit([](const Local& value) { return value.text(); }, Local(1));
#endif
#ifdef cut_to_base  // would lose what its class adds to the base class
  morrow::submit([](const Serialized& value) { return value.n; }, InheritsBytes());
#endif
#ifdef dependency_cut_to_base  // would lose what its class adds to the base class
  auto made = morrow::submit([] { return Derived(); });
  morrow::submit([](const Serialized& value) { return value.n; }, made);
#endif
#ifdef inside_serialize  // std::thread
  morrow::submit([] { return LyingSerialize(); });
#endif
#ifdef too_few_arguments  // takes another number of arguments than it was given
  morrow::submit(twice);
#endif
#ifdef too_many_arguments  // takes another number of arguments than it was given
  morrow::submit([](int n) { return n; }, 1, 2);
#endif
#ifdef wrong_argument  // an argument cannot be converted to the type of the function's parameter
  morrow::submit(twice, std::string("one"));
#endif
#ifdef wrong_dependency  // an argument cannot be converted to the type of the function's parameter
  auto text = morrow::submit([] { return std::string("one"); });
  morrow::submit(twice, text);
#endif
#ifdef value_for_handle  // an argument cannot be converted to the type of the function's parameter
  morrow::submit([](morrow::Future<int> f) { return f.get(); }, 5);
#endif
#ifdef dependency_of_void  // a Future<void> has no value to pass
  auto done = morrow::submit([] {});
  morrow::submit(twice, done);
#endif
#ifdef generic_with_too_few_arguments  // cannot be called with these arguments
  morrow::submit([](auto a, auto b) { return a + b; }, 1);
#endif
}
