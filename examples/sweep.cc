// SPDX-License-Identifier: Apache-2.0
// A parameter sweep: a model is computed at each point of a grid, to find where it fits the measurements best.
//
//   sweep [STEPS]
//
// The model is a weight on a spring with friction; stiffness and friction are looked for, each in STEPS steps (default
// 20), and every point is one task. Results are taken as they come, by morrow::wait: the best so far is told on
// standard error. At the end the five best points are printed. Each result carries its point, so the order in which
// they come has no effect on the table.
#include <morrow/morrow.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace {

// The height that was measured each half second, from 0.5 s on.
constexpr std::array kMeasured = {0.77, 0.23, -0.34, -0.68, -0.67, -0.36, 0.06,  0.40,
                                  0.51, 0.38, 0.10,  -0.19, -0.35, -0.33, -0.17, 0.04};

/// A point of the grid, and how far the model is from the measurements there.
struct Point {
  double stiffness = 0;
  double friction = 0;
  double error = 0;
};

/// The sum of the squares of all differences, by small steps in time.
Point simulate(double stiffness, double friction) {
  constexpr int kSteps = 20'000;  // for each measurement
  constexpr double kTime = 0.5 / kSteps;
  double height = 1, speed = 0;
  Point point{stiffness, friction, 0};
  for (const double measured : kMeasured) {
    for (int step = 0; step < kSteps; ++step) {
      speed -= (stiffness * height + friction * speed) * kTime;
      height += speed * kTime;
    }
    point.error += (height - measured) * (height - measured);
  }
  return point;
}

bool is_better(const Point& a, const Point& b) {
  return std::tie(a.error, a.stiffness, a.friction) < std::tie(b.error, b.stiffness, b.friction);
}

/// \throws std::invalid_argument
int number(const std::string& text, int least, int most) {
  int value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stopped == end && value >= least && value <= most) return value;
  throw std::invalid_argument("'" + text + "' is not a number from " + std::to_string(least) + " to " +
                              std::to_string(most));
}

void sweep(int steps) {
  std::vector<morrow::Future<Point>> running;
  for (int i = 0; i <= steps; ++i) {
    for (int j = 0; j <= steps; ++j)
      running.push_back(morrow::submit(simulate, 1 + 2.0 * i / steps, 1.0 * j / steps));  // 1 to 3, and 0 to 1
  }

  std::vector<Point> points;
  while (!running.empty()) {
    const auto [finished, rest] = morrow::wait(running);
    for (const Point& point : morrow::get_all(finished)) {
      if (points.empty() || is_better(point, *std::min_element(points.begin(), points.end(), is_better)))
        std::cerr << "the best so far: stiffness " << point.stiffness << ", friction " << point.friction << "\n";
      points.push_back(point);
    }
    running = rest;
  }

  std::sort(points.begin(), points.end(), is_better);
  std::cout << "stiffness  friction   error\n" << std::fixed;
  for (std::size_t i = 0; i < std::min<std::size_t>(points.size(), 5); ++i) {
    std::cout << std::setprecision(2) << std::setw(9) << points[i].stiffness << std::setw(10) << points[i].friction
              << std::setprecision(4) << std::setw(8) << points[i].error << "\n";
  }
  std::cout << "best of " << points.size() << " points: stiffness " << std::setprecision(2) << points[0].stiffness
            << ", friction " << points[0].friction << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  try {
    sweep(argc > 1 ? number(argv[1], 1, 100) : 20);
  } catch (const std::invalid_argument& error) {
    std::cerr << "sweep: " << error.what() << "\n";
    return 2;
  }
}
