// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/config.h"

namespace morrow::simulation {

namespace {

/// Some can't start the program. Then nobody goes, so that there is always one that can: no future may fail.
void make_some_unfit(Config& config, Random& random) {
  config.unfit = random.between(1, 4);
  config.deaths = config.lost_machines = config.leaves = config.cut_offs = config.long_pauses = 0;
  config.sizes.killers = false;
}

}  // namespace

Config draw_config(std::uint64_t seed) {
  Random random(seed * 0x9e3779b97f4a7c15ULL + 1);
  Config config;
  config.seed = seed;
  config.workers = random.between(1, 4);
  config.drivers = random.between(1, 3);
  config.cpus = random.between(2, 3);
  config.executor_cap = static_cast<std::uint32_t>(random.chance(30) ? random.between(4, 6) : 32);
  config.lease_ms = random.between(3'000, 8'000);
  config.linger = random.chance(50) ? 50 * kMillisecond : random.delay(5 * kMillisecond);
  if (random.chance(50)) config.idle_after = random.delay(kSecond);
  config.sizes.driver_children = random.between(5, 30);
  config.sizes.task_children = random.between(1, 5);
  config.sizes.depth = random.below(4);
  config.sizes.longest_work = random.chance(30) ? 100 * kMillisecond : random.between(1, 20) * 100 * kMillisecond;
  config.sizes.wide = random.chance(4);
  config.sizes.failures = random.chance(70);
  // At a low cap tasks run on top of those that wait for them: what kills its process takes them along, again and
  // again.
  config.sizes.deaths = config.executor_cap >= 32;

  config.step_delay = random.chance(70) ? 100 * kMicrosecond : random.delay(3 * kMillisecond);
  config.step_percent = random.between(20, 100);
  config.hop = random.delay(kMillisecond);
  config.watch_delay = random.delay(10 * kMillisecond);
  if (random.chance(60)) config.conflict_percent = random.below(20);
  if (random.chance(60)) config.unknown_percent = random.below(20);

  if (random.chance(30)) {
    // A rush: tasks are as short as transactions, so that many of these meet.
    config.workers = random.between(2, 4);
    config.sizes.driver_children = random.between(20, 60);
    config.sizes.longest_work = random.delay(5 * kMillisecond);
    config.sizes.longest_idle = random.delay(50 * kMillisecond);
    config.step_delay = random.between(1, 6) * kMillisecond;
    config.step_percent = 100;
    config.linger = random.delay(5 * kMillisecond);
  }

  const bool rush = config.sizes.longest_work <= 5 * kMillisecond;
  config.calm_after = rush ? random.between(500, 3'000) * kMillisecond : random.between(5, 25) * kSecond;
  config.polls = random.chance(60);
  const auto often = [&](std::uint64_t percent, std::uint64_t most) {
    return random.chance(percent) ? random.between(1, most) : 0;
  };
  config.short_pauses = often(50, 20);
  config.outages = often(20, 3);
  config.moves = often(50, 12);
  config.welcome_patience = random.chance(50) ? 2 * kSecond : random.between(50, 500) * kMillisecond;
  config.crashes = often(50, 20);
  config.vanishes = often(15, 1);
  config.long_pauses = often(40, 4);
  if (config.polls) {
    // What has only the slow poll to tell of it.
    config.lost_watch_percent = random.chance(30) ? random.below(40) : 0;
  }
  config.leaves = often(20, 3);
  config.loss_percent = often(50, 60);
  // A task has three dependencies at the most, but for the wide one: all of them find room at once.
  if (random.chance(40) && !config.sizes.wide) config.room_for_values = random.between(3, 4);
  config.deaths = often(40, 5);
  config.lost_machines = often(10, 1);
  config.cut_offs = often(25, 4);
  config.silences = often(25, 4);
  config.lies = often(30, 10);
  config.sizes.killers = config.sizes.deaths && random.chance(20);
  config.one_machine = random.chance(50);
  config.start_failure_percent = random.chance(40) ? random.between(1, 30) : 0;
  config.sizes.once = random.chance(40);
  // At a low cap there may be no process left for another program.
  config.sizes.unstartable = config.sizes.deaths && random.chance(20);
  config.sizes.circles = config.sizes.deaths && random.chance(25);
  config.shortages = often(25, 4);
  config.sizes.detached = random.chance(20);
  if (config.workers > 1 && random.chance(15)) make_some_unfit(config, random);

  // By the seed's own number: what was drawn above stays as it is for the other seeds.
  if (seed % 5 == 0) config.drained_items = 2;
  if (seed % 8 == 3) config.naps = 1;
  config.sizes.hoarder = config.shortages != 0 && seed % 2 == 0;
  return config;
}

std::string Config::text() const {
  const auto one = [](const char* name, std::uint64_t value) {
    return value == 0 ? std::string() : std::string(" ") + name + "=" + std::to_string(value);
  };
  return "seed " + std::to_string(seed) + ":" + one("workers", workers) + one("drivers", drivers) + one("cpus", cpus) +
         one("cap", executor_cap) + one("lease_ms", lease_ms) + one("depth", sizes.depth) + one("wide", sizes.wide) +
         one("conflicts%", conflict_percent) + one("unknown%", unknown_percent) +
         one("lost_watches%", lost_watch_percent) + (polls ? " polls" : " no-polls") +
         (one_machine ? " one-machine" : "") + one("pauses", short_pauses) + one("long_pauses", long_pauses) +
         one("outages", outages) + one("moves", moves) + one("crashes", crashes) + one("leaves", leaves) +
         one("deaths", deaths) + one("lost_machines", lost_machines) + one("killers", sizes.killers) +
         one("lies", lies) + one("cut_offs", cut_offs) + one("silences", silences) + one("vanishes", vanishes) +
         one("naps", naps) + one("losses%", loss_percent) + one("start_failures%", start_failure_percent) +
         one("unfit", unfit) + one("shortages", shortages) + one("once", sizes.once) +
         one("unstartable", sizes.unstartable) + one("circles", sizes.circles) + one("detached", sizes.detached) +
         one("hoarder", sizes.hoarder) + one("drained", drained_items == 1000 ? 0 : drained_items) +
         (scarce_room() ? one("room_for", room_for_values) : std::string());
}

}  // namespace morrow::simulation
