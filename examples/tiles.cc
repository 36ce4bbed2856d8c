// SPDX-License-Identifier: Apache-2.0
// An image that is computed by tiles: a part of the Mandelbrot set, as a file in the format PGM.
//
//   tiles [SIDE [FILE]]
//
// The image has SIDE x SIDE pixels (default 1,024) and goes to FILE (default mandelbrot.pgm). Each tile is a task,
// which writes its pixels straight into shared memory; the program copies them into the image as they come, and frees
// each tile then. What is printed, a checksum, is the same for any number of workers: a tile depends on its place
// alone.
#include <morrow/morrow.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

constexpr int kTile = 128;  // pixels on each side

/// A tile in the image, in pixels.
struct Place {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

/// Black inside of the set, and outside the brighter the sooner the point leaves.
std::uint8_t shade(double x, double y) {
  constexpr int kSteps = 1'000;
  double real = 0, imaginary = 0;
  for (int step = 0; step < kSteps; ++step) {
    const double square = real * real - imaginary * imaginary + x;
    imaginary = 2 * real * imaginary + y;
    real = square;
    if (real * real + imaginary * imaginary > 4) return static_cast<std::uint8_t>(255 - std::min(step * 4, 240));
  }
  return 0;
}

morrow::Buffer draw(Place place, int side) {
  auto pixels = morrow::Buffer::make(static_cast<std::size_t>(place.width) * place.height);
  std::size_t at = 0;
  for (int row = place.top; row < place.top + place.height; ++row) {
    for (int column = place.left; column < place.left + place.width; ++column)
      pixels[at++] = std::byte{shade(-2.2 + 3.0 * column / side, -1.5 + 3.0 * row / side)};
  }
  return pixels;
}

/// FNV-1a, of 64 bits.
std::uint64_t checksum(const std::string& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3;
  return hash;
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

std::string draw_all(int side) {
  std::vector<morrow::Future<morrow::Buffer>> running;
  std::unordered_map<morrow::Future<morrow::Buffer>, Place> places;
  for (int top = 0; top < side; top += kTile) {
    for (int left = 0; left < side; left += kTile) {
      const Place place{left, top, std::min(kTile, side - left), std::min(kTile, side - top)};
      running.push_back(morrow::submit(draw, place, side));
      places[running.back()] = place;
    }
  }

  std::string image(static_cast<std::size_t>(side) * side, '\0');
  while (!running.empty()) {
    const auto [finished, rest] = morrow::wait(running);
    for (const auto& tile : finished) {
      const Place& place = places[tile];
      const morrow::Buffer pixels = tile.get();
      for (int row = 0; row < place.height; ++row) {
        const auto line = pixels.text().substr(static_cast<std::size_t>(row) * place.width, place.width);
        line.copy(&image[static_cast<std::size_t>(place.top + row) * side + place.left], line.size());
      }
      tile.release();
    }
    running = rest;
  }
  return image;
}

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  try {
    const int side = argc > 1 ? number(argv[1], 1, 20'000) : 1'024;
    const std::string path = argc > 2 ? argv[2] : "mandelbrot.pgm";
    std::ofstream file(path, std::ios::binary);
    if (!file) throw std::invalid_argument("the file " + path + " can't be written");
    const std::string image = draw_all(side);
    file << "P5\n" << side << " " << side << "\n255\n" << image << std::flush;
    if (!file) throw std::invalid_argument("the image could not be written to " + path);
    std::printf("%d x %d pixels, checksum %016llx\n", side, side, static_cast<unsigned long long>(checksum(image)));
  } catch (const std::invalid_argument& error) {
    std::cerr << "tiles: " << error.what() << "\n";
    return 2;
  }
}
