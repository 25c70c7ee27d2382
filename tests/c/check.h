/* Checks that count themselves, for the programs of this folder. */

#ifndef CHECK_H
#define CHECK_H

#include "ocelli.h"

#include <stdio.h>

static int checks;
static int failures;

#define CHECK(what)                                                      \
  do {                                                                   \
    checks++;                                                            \
    if (!(what)) {                                                       \
      failures++;                                                        \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #what); \
    }                                                                    \
  } while (0)

/* A call that must return a status, and says what it says if it does not. */
#define RETURNS(status, call)                                                                                       \
  do {                                                                                                              \
    int32_t got_ = (call);                                                                                          \
    checks++;                                                                                                       \
    if (got_ != (status)) {                                                                                         \
      char text_[OCELLI_LAST_ERROR_CAPACITY];                                                                       \
      ocelli_last_error(text_, sizeof text_, NULL);                                                                 \
      failures++;                                                                                                   \
      fprintf(stderr, "%s:%d: %s gives %s: %s\n", __FILE__, __LINE__, #call, ocelli_status_name(got_), text_);       \
    }                                                                                                               \
  } while (0)

#define OK(call) RETURNS(OCELLI_OK, call)

/* A struct of zeroes that knows its size. */
#define STRUCT(type, name) \
  type name;               \
  memset(&name, 0, sizeof name); \
  name.struct_size = sizeof name

#endif
