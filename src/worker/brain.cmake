# The brain: pure decisions. Included by CMakeLists.txt of this folder.
set(MORROW_BRAIN_SOURCES
  brain.cc brain_awaits.cc brain_changes.cc brain_executors.cc brain_claims.cc brain_results.cc brain_rounds.cc brain_schedule.cc failures.cc gather.cc ledger.cc)
