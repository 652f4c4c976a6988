// Work shared among XLA's threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "xla/ffi/api/ffi.h"

namespace aedenoise {

// Runs body(part) for every part on XLA's threads. The caller works too, so that this ends even
// where all others are busy. What a part computes must not depend on who runs it.
template <typename Body>
void Parallel(xla::ffi::ThreadPool& pool, int64_t parts, const Body& body) {
  struct Shared {
    std::atomic<int64_t> next{0}, done{0};
    std::mutex mutex;
    std::condition_variable finished;
  };
  auto shared = std::make_shared<Shared>();
  const Body* work = &body;  // the caller waits for every part, so it outlives them
  std::function<void()> run = [shared, parts, work] {
    for (int64_t part; (part = shared->next++) < parts;) {
      (*work)(part);
      if (++shared->done == parts) {
        std::lock_guard<std::mutex> lock(shared->mutex);
        shared->finished.notify_all();
      }
    }
  };
  const int64_t helpers = std::min<int64_t>(pool.num_threads(), parts) - 1;
  for (int64_t n = 0; n < helpers; ++n) pool.Schedule(std::function<void()>(run));
  run();
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->finished.wait(lock, [&] { return shared->done == parts; });
}

// Parts of a batch for a result that does not depend on how it is cut.
inline int64_t PartsOfBatch(const xla::ffi::ThreadPool& pool, int64_t batch) {
  return std::min(batch, 8 * std::max<int64_t>(1, pool.num_threads()));
}

// Parts of a batch over which sums are taken. Neither they nor the order in which their sums are
// added depend on the threads: runs repeat bit for bit.
inline int64_t PartsOfSum(int64_t batch) { return std::min<int64_t>(batch, 16); }

// Adds sums [groups, parts, size] over the parts, into the first of each group.
inline void AddParts(xla::ffi::ThreadPool& pool, float* sums, int64_t groups, int64_t parts,
                     int64_t size) {
  constexpr int64_t kSlices = 16;
  Parallel(pool, groups * kSlices, [&](int64_t index) {
    float* first = sums + index / kSlices * parts * size;
    const int64_t slice = index % kSlices;
    const int64_t begin = size * slice / kSlices, end = size * (slice + 1) / kSlices;
    for (int64_t part = 1; part < parts; ++part)
      for (int64_t n = begin; n < end; ++n) first[n] += first[part * size + n];
  });
}

}  // namespace aedenoise
