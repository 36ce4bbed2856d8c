// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "plugin.h"

// The plugin has another function of the same name.
int work(int number) { return number; }

int main(int, char** argv) {
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("%s\n", dlerror());
    return EXIT_FAILURE;
  }
  Plugin& plugin = *reinterpret_cast<Plugin* (*)()>(dlsym(library, "make_plugin"))();

  morrow::Session session;
  std::printf("the plugin's task: %d\n", plugin.run());
  std::printf("the plugin on the program's future: %d\n", plugin.add_one(morrow::put(42)));
  try {
    plugin.fail();
  } catch (const morrow::RemoteError& error) {
    std::printf("%s\n", error.stack().c_str());
  }
  const int own = morrow::submit(work, 1).get();
  std::printf("the work of each: %d %d\n", own, plugin.own_work());
}
