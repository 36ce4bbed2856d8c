# SPDX-License-Identifier: Apache-2.0
"""Faults in what C++ files declare, and how they are read."""

import json
import pathlib
import unittest

import alone
import docstrings
import unused
from cxx import take_apart
from declarations import declarations
from planted import HouseTest

HERE = "src/base/defer.h"
USER = "src/base/defer.cc"


class ReadingTest(unittest.TestCase):
    """Declarations of C++ text."""

    def expect_declared(self, text: str, *expected: str) -> None:
        found = [f"{one.kind} {one.path} {one.line}-{one.last_line}" for one in declarations(take_apart(text))]
        self.assertEqual(found, list(expected))

    def test_functions(self):
        self.expect_declared("int f(int a);\n", "function f 1-1")
        self.expect_declared("template <class T>\nrequires A<T> && (B<T>)\nauto f(T a) -> T {\n}\n", "function f 1-4")
        self.expect_declared(
            "[[nodiscard]] std::map<int, std::function<void(int)>> f() noexcept(true);", "function f 1-1"
        )
        self.expect_declared("bool operator==(A, B) { return f(1); }", "function operator== 1-1")
        self.expect_declared('Amount operator""_kB(unsigned long long n);', 'function operator""_kB 1-1')
        self.expect_declared("int A<T>::f() const { }", "function A::f 1-1")
        self.expect_declared("void f() try {\n} catch (...) {\n}\nint g();", "function f 1-3", "function g 4-4")
        self.expect_declared('#define X(a) \\\n  a {\nTEST(A, B) {\n  f("}");  // }\n}\n', "function TEST 3-5")

    def test_variables(self):
        self.expect_declared("int a = f(1), b{2}, c;", "variable a 1-1", "variable b 1-1", "variable c 1-1")
        self.expect_declared("std::map<int, int> a = std::map<int, int>();", "variable a 1-1")
        self.expect_declared("std::function<void(int)> a;", "variable a 1-1")
        self.expect_declared("void (*a)(int);", "variable a 1-1")
        self.expect_declared("int (A::*a)(int);", "variable a 1-1")
        self.expect_declared("constexpr int kA = 1'000'000;", "variable kA 1-1")
        self.expect_declared('const char* a = R"(;{)";', "variable a 1-1")
        self.expect_declared(
            "struct A { union { int a; int b; }; };", "class A 1-1", "variable A::a 1-1", "variable A::b 1-1"
        )

    def test_classes(self):
        text = """namespace a {
class A final : public B<C, D>, E {
 public:
  explicit A(int a) : a_(a), b_{f(a)} { g(); }
  ~A();
  A& operator=(const A&) = delete;
  virtual int h() const = 0;
  struct In { int x : 3; };
  enum class Kind { kOne, kTwo = 2 };
 private:
  int a_ GUARDED_BY(mutex_) = 0;
  std::mutex mutex_;
};
struct A::Later {};
template <> struct hash<A> {};
}
"""
        source = take_apart(text)
        found = {one.path: one for one in declarations(source)}
        names = [
            "A",
            "A::A",
            "A::~A",
            "A::operator=",
            "A::h",
            "A::In",
            "A::In::x",
            "A::Kind",
            "A::Kind::kOne",
            "A::Kind::kTwo",
        ]
        self.assertEqual(list(found), [*names, "A::a_", "A::mutex_", "A::Later", "hash"])
        self.assertEqual(found["A::a_"].access, "private")
        self.assertEqual(found["A::h"].access, "public")
        self.assertIn("virtual", found["A::h"].words)
        self.assertTrue(found["hash"].specialized)
        self.assertEqual([source.tokens[at].text for at in found["A::A"].initialized], ["a_", "b_"])


class UnusedTest(HouseTest):
    """What is declared, and not used."""

    def expect_unused(self, name: str, header: str, source: str = "", why: str = "nothing uses it") -> None:
        files = {HERE: header, USER: '#include "base/defer.h"\n' + source}
        self.expect(
            unused.check_unused,
            f"{HERE}:1",
            f"{name} is {'declared' if 'uses' in why else 'written'}, and {why}",
            files,
        )

    def expect_used(self, header: str, source: str) -> None:
        self.expect_nothing(unused.check_unused, {HERE: header, USER: '#include "base/defer.h"\n' + source})

    def test_a_function_that_nothing_calls_is_found(self):
        self.expect_unused("function f", "int f();\n", "int f() { return 1; }\n")
        self.expect_unused("function f", "int f();\n", "int f() { return f(); }\n")
        self.expect_unused("function f", "int f();\n", '// f();\nconst char* text() { return "f()"; }\n')
        self.expect_used("int f();\n", "int f() { return 1; }\nint g() { return f(); }\n")

    def test_a_use_in_a_file_that_cannot_know_it_does_not_count(self):
        files = {HERE: "int f();\n", USER: "int g() { return f(); }\n"}
        self.expect(unused.check_unused, f"{HERE}:1", "function f is declared", files)

    def test_a_member_function_that_nothing_calls_is_found(self):
        text = "struct A { int f(); int g(); }; void h(A);\n#define H h\n"
        self.expect_unused("function A::f", text, "int A::f() { return g(); }\nint A::g() { int f = 1; return f; }\n")
        self.expect_used(text, "int A::f() { return g(); }\nint A::g() { return 1; }\nint h(A a) { return a.f(); }\n")

    def test_a_member_that_nothing_uses_is_found(self):
        text = "class A { A(); int a_; }; void h(A);\n#define H h\n"
        self.expect_unused("variable A::a_", text, "A::A() : a_(1) {}\n")
        self.expect_unused(
            "variable A::a_", text, "A::A() {}\nstruct B { int f() { return a_; } int a_; };\n#define G B().f()\n"
        )
        self.expect_used(text, "A::A() : a_(1) { g(a_); }\n")
        self.expect_used("class A { [[maybe_unused]] int a_; int unused_; };\n", "int f() { A a; }\n")

    def test_a_member_that_is_written_and_never_read_is_found(self):
        for source in (
            "void f(A& a) { a.n = 1; }\n",
            "void f(A& a) { ++a.n; a.n += 2; }\n",
            "void f() { g(A{.n = 1}); }\n",
        ):
            self.expect_unused("variable A::n", "struct A { int n; };\n", source, "nothing reads it")
        for source in (
            "int f(A& a) { return a.n = 1; }\n",
            "void f(A& a) { a.n = 1; g(a.n); }\n",
            "int f(A a) { return ++a.n; }\n",
        ):
            self.expect_used("struct A { int n; };\n", source)

    def test_a_member_that_the_compiler_compares_is_used(self):
        text = "struct A { int n; friend bool operator==(const A&, const A&) = default; };\n"
        self.expect_used(text, "int f(A a) { return a == A(); }\n")

    def test_a_constant_and_an_enumerator_that_nothing_uses_are_found(self):
        self.expect_unused("variable kA", "constexpr int kA = 1;\n")
        self.expect_unused("enumerator E::kB", "enum class E { kA, kB };\n", "E f() { return E::kA; }\n")

    def test_what_a_macro_names_is_used(self):
        self.expect_used("int f();\n#define F() f()\n", "")

    def test_overrides_and_operators_need_no_use(self):
        self.expect_used("struct A { void f() override; bool operator<(A) const; A(); ~A(); };\n", "int f() { A a; }\n")

    def test_a_template_may_use_what_it_does_not_include(self):
        files = {
            "include/morrow/a.h": "struct A { void pack(); };\n",
            "include/morrow/b.h": "void f(auto a) { a.pack(); f(1); }\n",
        }
        files["examples/wc.cc"] = "#include <morrow/core.h>\nint main() { A a; f(a); }\n"
        self.expect_nothing(unused.check_unused, files)


class DocstringTest(HouseTest):
    """What is said of what is declared."""

    PUBLIC = "include/morrow/core.h"

    def expect_silent(self, path: str, text: str, line: int, name: str) -> None:
        self.expect(docstrings.check_docstrings, f"{path}:{line}", f"{name}: say above it", {path: text})

    def expect_said(self, path: str, text: str) -> None:
        self.expect_nothing(docstrings.check_docstrings, {path: text})

    def test_a_class_that_nothing_is_said_of_is_found(self):
        self.expect_silent(HERE, "namespace a {\n\nclass A {\n};\n}\n", 3, "class A")
        self.expect_silent(HERE, "/// Too far.\n\nstruct A {};\n", 3, "class A")
        self.expect_silent(HERE, "/// A.\nclass A {\n  struct B {\n    int x;  ///< x\n  };\n};\n", 3, "class A::B")
        self.expect_silent(HERE, "/// Of A.\nint a;\nenum class E { kA };\n", 3, "enum E")
        self.expect_said(HERE, "class A;\n/// A.\ntemplate <class T>\nstruct A {};\nstruct B {};  // B\n")
        self.expect_said(HERE, "template <> struct A<int> {};\n")

    def test_a_public_function_that_nothing_is_said_of_is_found(self):
        self.expect_silent(self.PUBLIC, "int f();\n", 1, "function f")
        self.expect_silent(self.PUBLIC, "/// A.\nclass A {\n public:\n  int f();\n};\n", 4, "function A::f")
        self.expect_said(self.PUBLIC, "/// F.\nint f();\n\nint f(int a);\n")
        self.expect_said(self.PUBLIC, "/// F.\n#ifdef A\nint f();\n#else\nint f(int a);\n#endif\n")
        self.expect_said(self.PUBLIC, "/// \\cond\nint f();\nint g();\n/// \\endcond\n")
        self.expect_silent(self.PUBLIC, "/// \\cond\nint f();\n/// \\endcond\n\nint g();\n", 5, "function g")
        self.expect_said(
            self.PUBLIC, "/// A.\nclass A {\n  int f();\n public:\n  A(A&&);\n  A() = default;\n  ~A();\n};\n"
        )
        self.expect_said(self.PUBLIC, "namespace detail { int f(); }\n")
        self.expect_said("include/morrow/detail/inside.h", "int f();\n")
        self.expect_said(HERE, "int f();\n")


class AloneTest(HouseTest):
    """Headers that compile alone."""

    def check(self, files: dict[str, str]) -> list[str]:
        tree = self.plant(files)
        command = f"c++ -std=c++20 -I{tree.root}/src -o defer.o -c {tree.root}/{USER}"
        database = [{"file": f"{tree.root}/{USER}", "command": command, "directory": self.root}]
        pathlib.Path(self.root, "compile_commands.json").write_text(json.dumps(database), encoding="utf-8")
        return [str(problem) for problem in alone.check_headers(tree, self.root)]

    def test_a_source_that_does_not_include_its_header_first_is_found(self):
        files = {USER: '#include <vector>\n#include "base/defer.h"\n'}
        self.expect(alone.check_first_includes, f"{USER}:1", "include base/defer.h first", files)
        self.expect_nothing(
            alone.check_first_includes, {USER: '// Defers.\n#include "base/defer.h"\n#include <vector>\n'}
        )

    def test_a_header_that_does_not_compile_alone_is_found(self):
        found = self.check({HERE: "#pragma once\n\nstd::string f();\n", USER: "", "src/wire/frame.h": ""})
        self.assertEqual(len(found), 1, found)
        self.assertRegex(found[0], rf"^{HERE}:3: does not compile alone: ")

    def test_a_header_with_no_guard_is_found(self):
        found = self.check({HERE: "struct A {};\n", USER: "", "src/wire/frame.h": ""})
        self.assertEqual(len(found), 1, found)
        self.assertIn("redefinition", found[0])

    def test_a_header_that_its_source_proves_is_not_compiled_again(self):
        tree = self.plant({USER: '#include "base/defer.h"\n'})
        self.assertNotIn(HERE, alone.unproven(tree))
        self.assertIn("src/wire/frame.h", alone.unproven(tree))


if __name__ == "__main__":
    unittest.main()
