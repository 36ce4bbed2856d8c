// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <morrow/arrow.h>
#include <morrow/put.h>
#include <morrow/submit.h>

#include "tests/public/fake_core.h"

namespace {

using morrow::ArrowBatch;

int released = 0;  // structs of ours that were released

/// An array made by hand, as an Arrow library would export it.
struct Column {
  std::string format = {}, name = {};
  std::int64_t length = 0, nulls = 0, offset = 0;
  bool has_buffer_zero = true;  ///< validity may be left out
  std::vector<std::vector<std::byte>> buffers = {};
  std::vector<Column> children = {};
  std::shared_ptr<Column> dictionary = {};
  std::int64_t flags = ARROW_FLAG_NULLABLE;
  std::string metadata = {};
};

struct Exported {
  Column column;
  std::vector<const void*> buffers = {};
  std::vector<ArrowArray> arrays = {};
  std::vector<ArrowArray*> array_pointers = {};
  std::vector<ArrowSchema> schemas = {};
  std::vector<ArrowSchema*> schema_pointers = {};
  ArrowArray dictionary_array{};
  ArrowSchema dictionary_schema{};
};

template <class Struct>
void release(Struct* which) {
  auto* const exported = static_cast<Exported*>(which->private_data);
  for (std::int64_t i = 0; i < which->n_children; ++i) which->children[i]->release(which->children[i]);
  if (which->dictionary != nullptr) which->dictionary->release(which->dictionary);
  which->release = nullptr;
  ++released;
  delete exported;
}

void export_array(const Column& column, ArrowArray& array) {
  auto* const exported = new Exported{.column = column};
  const Column& own = exported->column;
  for (std::size_t i = 0; i < own.buffers.size(); ++i)
    exported->buffers.push_back(i == 0 && !own.has_buffer_zero ? nullptr : own.buffers[i].data());
  exported->arrays.resize(own.children.size());
  for (std::size_t i = 0; i < own.children.size(); ++i) {
    export_array(own.children[i], exported->arrays[i]);
    exported->array_pointers.push_back(&exported->arrays[i]);
  }
  if (own.dictionary) export_array(*own.dictionary, exported->dictionary_array);
  array = {own.length,
           own.nulls,
           own.offset,
           static_cast<std::int64_t>(own.buffers.size()),
           static_cast<std::int64_t>(own.children.size()),
           exported->buffers.data(),
           exported->array_pointers.data(),
           own.dictionary ? &exported->dictionary_array : nullptr,
           &release<ArrowArray>,
           exported};
}

void export_schema(const Column& column, ArrowSchema& schema) {
  auto* const exported = new Exported{.column = column};
  const Column& own = exported->column;
  exported->schemas.resize(own.children.size());
  for (std::size_t i = 0; i < own.children.size(); ++i) {
    export_schema(own.children[i], exported->schemas[i]);
    exported->schema_pointers.push_back(&exported->schemas[i]);
  }
  if (own.dictionary) export_schema(*own.dictionary, exported->dictionary_schema);
  schema = {own.format.c_str(),
            own.name.c_str(),
            own.metadata.empty() ? nullptr : own.metadata.data(),
            own.flags,
            static_cast<std::int64_t>(own.children.size()),
            exported->schema_pointers.data(),
            own.dictionary ? &exported->dictionary_schema : nullptr,
            &release<ArrowSchema>,
            exported};
}

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<std::byte> text_bytes(const std::string& text) {
  return bytes_of(std::vector<char>(text.begin(), text.end()));
}

Column fixed(const std::string& format, std::size_t width, std::int64_t length = 20) {
  Column column{.format = format, .name = "of " + format, .length = length, .nulls = 3};
  column.buffers.emplace_back(static_cast<std::size_t>(length + 7) / 8, std::byte{0x5b});
  std::vector<std::byte> data(static_cast<std::size_t>(length) * width);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 31 + format.size());
  column.buffers.push_back(std::move(data));
  return column;
}

void expect_same(const Column& column, const ArrowArray& array, const ArrowSchema& schema) {
  SCOPED_TRACE(column.format);
  EXPECT_EQ(schema.format, column.format);
  EXPECT_EQ(schema.name, column.name);
  EXPECT_EQ(schema.flags, column.flags);
  if (column.metadata.empty()) {
    EXPECT_EQ(schema.metadata, nullptr);
  } else {
    ASSERT_NE(schema.metadata, nullptr);
    EXPECT_EQ(std::memcmp(schema.metadata, column.metadata.data(), column.metadata.size()), 0);
  }
  EXPECT_EQ(array.length, column.length);
  EXPECT_EQ(array.null_count, column.nulls);
  EXPECT_EQ(array.offset, column.offset);
  ASSERT_EQ(array.n_buffers, static_cast<std::int64_t>(column.buffers.size()));
  for (std::size_t i = 0; i < column.buffers.size(); ++i) {
    if (i == 0 && !column.has_buffer_zero) {
      EXPECT_EQ(array.buffers[i], nullptr);
    } else if (!column.buffers[i].empty()) {
      EXPECT_EQ(std::memcmp(array.buffers[i], column.buffers[i].data(), column.buffers[i].size()), 0) << "buffer " << i;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.buffers[i]) % 64, 0U) << "buffer " << i;
    }
  }
  ASSERT_EQ(array.n_children, static_cast<std::int64_t>(column.children.size()));
  ASSERT_EQ(schema.n_children, array.n_children);
  for (std::size_t i = 0; i < column.children.size(); ++i)
    expect_same(column.children[i], *array.children[i], *schema.children[i]);
  ASSERT_EQ(array.dictionary != nullptr, column.dictionary != nullptr);
  if (column.dictionary) expect_same(*column.dictionary, *array.dictionary, *schema.dictionary);
}

ArrowBatch batch_of(const Column& column) {
  ArrowArray array{};
  ArrowSchema schema{};
  export_array(column, array);
  export_schema(column, schema);
  ArrowBatch batch = ArrowBatch::from_arrow(&array, &schema);
  EXPECT_EQ(array.release, nullptr);
  EXPECT_EQ(schema.release, nullptr);
  return batch;
}

void expect_round_trip(const Column& column) {
  fake::reset();
  ArrowArray array{};
  ArrowSchema schema{};
  {
    const auto future = morrow::put(batch_of(column));
    const auto passed = morrow::submit([](const ArrowBatch& batch) { return batch; }, future);
    passed.get().to_arrow(&array, &schema);
  }
  expect_same(column, array, schema);  // its memory stays although every batch is gone
  array.release(&array);
  schema.release(&schema);
  EXPECT_EQ(array.release, nullptr);
}

Column strings(const std::string& format, bool large) {
  Column column{.format = format, .name = "text", .length = 4, .nulls = 1};
  column.buffers.emplace_back(1, std::byte{0x0b});
  if (large) {
    column.buffers.push_back(bytes_of(std::vector<std::int64_t>{0, 3, 3, 10, 12}));
  } else {
    column.buffers.push_back(bytes_of(std::vector<std::int32_t>{0, 3, 3, 10, 12}));
  }
  column.buffers.push_back(text_bytes("onesomethingx"));
  column.buffers.back().resize(12);
  return column;
}

TEST(Arrow, EveryPrimitiveTypeGoesThereAndBack) {
  const std::vector<std::pair<std::string, std::size_t>> formats{{"c", 1},          {"C", 1},
                                                                 {"s", 2},          {"S", 2},
                                                                 {"i", 4},          {"I", 4},
                                                                 {"l", 8},          {"L", 8},
                                                                 {"e", 2},          {"f", 4},
                                                                 {"g", 8},          {"w:7", 7},
                                                                 {"d:19,10", 16},   {"tdD", 4},
                                                                 {"tdm", 8},        {"tts", 4},
                                                                 {"ttm", 4},        {"ttu", 8},
                                                                 {"ttn", 8},        {"tss:", 8},
                                                                 {"tsm:UTC", 8},    {"tsu:Europe/Berlin", 8},
                                                                 {"tsn:", 8},       {"tDs", 8},
                                                                 {"tDm", 8},        {"tDu", 8},
                                                                 {"tDn", 8},        {"tiM", 4},
                                                                 {"tiD", 8},        {"tin", 16},
                                                                 {"d:60,2,256", 32}};
  for (const auto& [format, width] : formats) expect_round_trip(fixed(format, width));
  Column bits{.format = "b", .name = "bits", .length = 20, .nulls = 0, .has_buffer_zero = false};
  bits.buffers = {{}, std::vector<std::byte>(3, std::byte{0xa5})};
  expect_round_trip(bits);
  expect_round_trip({.format = "n", .name = "nothing", .length = 5, .nulls = 5});
}

TEST(Arrow, StringsListsStructsDictionariesAndNullsGoThereAndBack) {
  for (const std::string format : {"u", "z"}) expect_round_trip(strings(format, false));
  for (const std::string format : {"U", "Z"}) expect_round_trip(strings(format, true));
  Column list{.format = "+l", .name = "list", .length = 3, .nulls = 0, .has_buffer_zero = false};
  list.buffers = {{}, bytes_of(std::vector<std::int32_t>{0, 5, 5, 20})};
  list.children = {fixed("l", 8)};
  expect_round_trip(list);
  Column large_list = list;
  large_list.format = "+L";
  large_list.buffers[1] = bytes_of(std::vector<std::int64_t>{0, 5, 5, 20});
  expect_round_trip(large_list);
  Column fixed_list{.format = "+w:5", .name = "five", .length = 4, .nulls = 0};
  fixed_list.buffers = {{std::byte{0x0f}}};
  fixed_list.children = {fixed("i", 4)};
  expect_round_trip(fixed_list);
  Column coded = fixed("C", 1, 6);
  coded.buffers[1] = bytes_of(std::vector<std::uint8_t>{0, 1, 2, 3, 1, 0});
  coded.dictionary = std::make_shared<Column>(strings("u", false));
  coded.flags |= ARROW_FLAG_DICTIONARY_ORDERED;
  expect_round_trip(coded);
  Column table{.format = "+s", .name = "", .length = 20, .nulls = 0, .has_buffer_zero = false};
  table.buffers = {{}};
  table.flags = 0;
  const std::int32_t one = 1, three = 3;
  table.metadata.append(reinterpret_cast<const char*>(&one), 4).append(reinterpret_cast<const char*>(&three), 4);
  table.metadata.append("key").append(reinterpret_cast<const char*>(&three), 4).append("abc");
  table.children = {fixed("g", 8), fixed("i", 4), fixed("b", 1)};
  table.children[2].buffers[1].resize(3);
  expect_round_trip(table);
  const ArrowBatch batch = batch_of(table);
  EXPECT_EQ(batch.rows(), 20);
  EXPECT_EQ(batch.columns(), 3);
  Column un{.format = "+ud:0,1", .name = "either", .length = 4, .nulls = 0};
  un.buffers = {bytes_of(std::vector<std::int8_t>{0, 1, 0, 1}), bytes_of(std::vector<std::int32_t>{0, 0, 1, 1})};
  un.children = {fixed("i", 4), strings("u", false)};
  expect_round_trip(un);
}

TEST(Arrow, ASliceKeepsItsOffset) {
  Column slice = fixed("i", 4, 20);
  slice.length = 5;
  slice.offset = 15;
  expect_round_trip(slice);
}

TEST(Arrow, AnArrayWithNoRowsNeedsNoOffset) {
  for (const std::string format : {"u", "Z", "+l", "+L"}) {
    SCOPED_TRACE(format);
    Column empty{.format = format, .name = "none", .length = 0, .nulls = 0, .has_buffer_zero = false};
    empty.buffers.resize(format[0] == '+' ? 2 : 3);
    if (format[0] == '+') empty.children = {fixed("i", 4, 0)};
    for (const bool place : {false, true}) {
      // A buffer of no bytes may end where other memory begins.
      ArrowArray array{};
      ArrowSchema schema{};
      export_array(empty, array);
      export_schema(empty, schema);
      const std::unique_ptr<std::byte[]> nothing(new std::byte[0]);
      if (place) array.buffers[1] = nothing.get();
      ArrowBatch::from_arrow(&array, &schema).to_arrow(&array, &schema);
      EXPECT_EQ(array.length, 0);
      std::int64_t first = -1;
      ASSERT_NE(array.buffers[1], nullptr);
      std::memcpy(&first, array.buffers[1], sizeof first);  // with what fills it up to 64 bytes
      EXPECT_EQ(first, 0);
      array.release(&array);
      schema.release(&schema);
    }
  }
}

TEST(Arrow, ABufferThatIsMissingIsRefusedWithASentence) {
  for (const Column& column : {fixed("i", 4, 1000), strings("u", false), strings("U", true)}) {
    for (std::size_t missing = 1; missing < column.buffers.size(); ++missing) {
      ArrowArray array{};
      ArrowSchema schema{};
      export_array(column, array);
      export_schema(column, schema);
      array.buffers[missing] = nullptr;
      try {
        ArrowBatch::from_arrow(&array, &schema);
        ADD_FAILURE() << column.format << " without buffer " << missing;
      } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("rows has no buffer " + std::to_string(missing)), std::string::npos)
            << error.what();
      }
      EXPECT_EQ(array.release, nullptr);
    }
  }
}

TEST(Arrow, WhatIsGivenIsReleasedAlsoWhenItIsRefused) {
  Column wrong = fixed("i", 4);
  wrong.format = "vu";
  ArrowArray array{};
  ArrowSchema schema{};
  export_array(wrong, array);
  export_schema(wrong, schema);
  released = 0;
  EXPECT_THROW(ArrowBatch::from_arrow(&array, &schema), std::invalid_argument);
  EXPECT_EQ(released, 2);
}

TEST(Arrow, AnEmptyBatchIsAnEmptyTable) {
  fake::reset();
  const auto future = morrow::put(ArrowBatch());
  const ArrowBatch batch = future.get();
  EXPECT_EQ(batch.rows(), 0);
  EXPECT_EQ(batch.columns(), 0);
}

TEST(Arrow, DamagedBytesAreRefused) {
  const auto bytes = morrow::serialize_value(batch_of(strings("u", false)));
  for (std::size_t size = 0; size < bytes.size(); size += 8) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(morrow::deserialize_value<ArrowBatch>(cut), morrow::DecodeError) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto broken = bytes;
    broken[at] ^= std::byte{0x81};
    try {
      ArrowArray array{};
      ArrowSchema schema{};
      morrow::deserialize_value<ArrowBatch>(broken).to_arrow(&array, &schema);
      array.release(&array);
      schema.release(&schema);
    } catch (const morrow::DecodeError&) {  // fine: it was found
    } catch (const std::invalid_argument&) {
    }
  }
}

}  // namespace
