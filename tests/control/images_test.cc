// SPDX-License-Identifier: Apache-2.0
#include "tests/control/world.h"

namespace morrow::control {
namespace {

class ImagesTest : public ControlTest {
 protected:
  ImagesTest() {
    join_worker(1);
    open_session(1, 10);
  }
  const std::string hash = std::string(32, 'h');

  void upload() {
    put_blob_chunk(store, hash, 0, "first");
    put_blob_chunk(store, hash, 1, "second");
    put_blob_header(store, hash, 2, 11);
  }
};

TEST_F(ImagesTest, ABlobIsThereWhenItsHeaderIs) {
  put_blob_chunk(store, hash, 0, "first");
  EXPECT_FALSE(blob_header(store, hash).has_value());
  EXPECT_FALSE(use_blob(store, hash, 10));
  upload();
  EXPECT_TRUE(blob_header(store, hash).has_value());
  EXPECT_EQ(blob_header(store, hash)->chunks, 2U);
  EXPECT_EQ(blob_header(store, hash)->size, 11U);
  EXPECT_EQ(*blob_chunk(store, hash, 1), "second");
}

TEST_F(ImagesTest, WhatASessionUsesStaysAndGoesAfterIt) {
  upload();
  EXPECT_TRUE(use_blob(store, hash, 10));
  collect_images(store, 0);
  EXPECT_TRUE(blob_header(store, hash).has_value());
  one(1, end_session(10));
  work_off(1);
  EXPECT_TRUE(blob_header(store, hash).has_value());
  collect_images(store, 100);
  EXPECT_TRUE(blob_header(store, hash).has_value());
  collect_images(store, 0);
  EXPECT_FALSE(blob_header(store, hash).has_value());
  EXPECT_TRUE(left_keys().empty());
}

TEST_F(ImagesTest, WhatIsNewNeedsAsMuchRoomAsASubmitAndWhatIsThereCanBeUsedWithout) {
  upload();
  const std::string program(16, 'p');
  put_program(store, program, "modules", 10);
  database->hooks.full = [](store::Room room) { return room == store::Room::kNew; };
  EXPECT_THROW(put_blob_chunk(store, std::string(32, 'n'), 0, "new"), store::StoreFull);
  EXPECT_THROW(put_blob_header(store, std::string(32, 'n'), 1, 3), store::StoreFull);
  EXPECT_THROW(put_program(store, std::string(16, 'n'), "modules", 10), store::StoreFull);
  open_session(1, 11);
  put_program(store, program, "modules", 11);
  EXPECT_TRUE(use_blob(store, hash, 11));
  database->hooks.full = nullptr;
  EXPECT_EQ(get_program(store, std::string(16, 'n')), std::nullopt) << "nothing of it was written";
}

TEST_F(ImagesTest, AUserWhoseSessionNeverCameIsForgottenAtTheSecondLook) {
  upload();
  EXPECT_TRUE(use_blob(store, hash, 77));
  collect_images(store, 0);
  EXPECT_TRUE(blob_header(store, hash).has_value());
  collect_images(store, 0);
  EXPECT_FALSE(blob_header(store, hash).has_value());
}

TEST_F(ImagesTest, AnUploadThatBrokeOffGoesAndOneUnderWayStays) {
  put_blob_chunk(store, hash, 0, "first");
  collect_images(store, 0);
  put_blob_chunk(store, hash, 1, "second");
  collect_images(store, 0);
  EXPECT_EQ(*blob_chunk(store, hash, 0), "first");
  collect_images(store, 0);
  EXPECT_FALSE(blob_chunk(store, hash, 0).has_value());
}

TEST_F(ImagesTest, AnUploadDuringARemovalIsWhole) {
  for (int at = 1; at < 30; ++at) {
    upload();
    store::SimStore other(database);
    int reads = 0;
    database->hooks.step = [&] {
      if (++reads != at || blob_header(other, hash).has_value()) return;
      put_blob_chunk(other, hash, 0, "first");
      put_blob_chunk(other, hash, 1, "second");
      put_blob_header(other, hash, 2, 11);
    };
    collect_images(store, 0);
    database->hooks.step = nullptr;
    if (!blob_header(store, hash).has_value()) continue;
    EXPECT_EQ(blob_chunk(store, hash, 0).value_or(""), "first") << "at step " << at;
    EXPECT_EQ(blob_chunk(store, hash, 1).value_or(""), "second") << "at step " << at;
  }
}

TEST_F(ImagesTest, AProgramLargerThanAValueTravelsWhole) {
  const std::string program(16, 'p');
  const std::string bytes(250'000, 'b');
  put_program(store, program, bytes, 10);
  EXPECT_EQ(get_program(store, program), bytes);
  EXPECT_FALSE(get_program(store, std::string(16, 'q')).has_value());
}

}  // namespace
}  // namespace morrow::control
