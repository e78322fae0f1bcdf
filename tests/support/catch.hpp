// Catch2, whichever major version is there: one header for all tests.
#ifndef TANDEM_TESTS_SUPPORT_CATCH_HPP
#define TANDEM_TESTS_SUPPORT_CATCH_HPP

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#endif
