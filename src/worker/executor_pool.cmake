# The executor pool: programs, fork servers, executors. Included by CMakeLists.txt of this folder.
# Needs: morrow_wire, morrow_control, PkgConfig::ZSTD, OpenSSL::Crypto, Boost::headers, fmt::fmt.
set(MORROW_POOL_SOURCES
  executor_link.cc executor_pool.cc process_launch.cc process_output.cc process_reaper.cc program_blob.cc program_files.cc
  program_image.cc program_process.cc program_runner.cc)
