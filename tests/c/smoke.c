/* The C interface from C99 and, compiled a second time, from C++11: versions, names, every way a check can fail, the
 * copy-out rules of the last error, and two threads with errors of their own.
 *
 *     smoke DIRECTORY MODEL
 *
 * Files are made in DIRECTORY; MODEL must open. Prints one line, or the checks that failed. */

#include "check.h"

#include <pthread.h>
#include <string.h>

static const char *directory;

/* DIRECTORY/name, in a buffer of the caller's. */
static const char *in_directory(char *path, size_t capacity, const char *name) {
  snprintf(path, capacity, "%s/%s", directory, name);
  return path;
}

/* The last message, in a buffer of the caller's. */
static const char *message(char text[OCELLI_LAST_ERROR_CAPACITY]) {
  if (ocelli_last_error(text, OCELLI_LAST_ERROR_CAPACITY, NULL) != OCELLI_OK) {
    text[0] = '\0';
  }
  return text;
}

static void versions_and_names(void) {
  CHECK(ocelli_abi_version() == OCELLI_ABI_VERSION);
  CHECK(ocelli_abi_version() == 1);
  CHECK(strcmp(ocelli_version(), "0.1.0") == 0);
  CHECK(strcmp(ocelli_status_name(OCELLI_OK), "OCELLI_OK") == 0);
  CHECK(strcmp(ocelli_status_name(OCELLI_ERR_CANCELLED), "OCELLI_ERR_CANCELLED") == 0);
  CHECK(strcmp(ocelli_status_name(-1), "unknown status") == 0);
  CHECK(strcmp(ocelli_status_name(INT32_MAX), "unknown status") == 0);
  CHECK(strcmp(ocelli_status_name(INT32_MIN), "unknown status") == 0);
}

static void no_error_at_first(void) {
  char text[4] = {'x', 'x', 'x', 'x'};
  size_t needed = 99;
  CHECK(ocelli_last_error_code() == OCELLI_OK);
  CHECK(ocelli_last_error(text, sizeof text, &needed) == OCELLI_OK);
  CHECK(needed == 1 && text[0] == '\0' && text[1] == 'x');
}

static void bad_parameters(void) {
  char text[OCELLI_LAST_ERROR_CAPACITY];
  CHECK(ocelli_check_model(NULL) == OCELLI_ERR_NULL_PARAMETER);
  CHECK(ocelli_last_error_code() == OCELLI_ERR_NULL_PARAMETER);
  CHECK(strcmp(message(text), "path is NULL") == 0);
  CHECK(ocelli_check_model("") == OCELLI_ERR_BAD_PARAMETER);
  CHECK(strcmp(message(text), "path is empty") == 0);
  CHECK(ocelli_check_model("models/\xff.gguf") == OCELLI_ERR_INVALID_UTF8);
  CHECK(strcmp(message(text), "path is not UTF-8: byte 7 is 0xff") == 0);
  /* a surrogate, an overlong slash, a character that is cut off */
  CHECK(ocelli_check_model("\xed\xa0\x80") == OCELLI_ERR_INVALID_UTF8);
  CHECK(ocelli_check_model("\xc0\xaf") == OCELLI_ERR_INVALID_UTF8);
  CHECK(ocelli_check_model("a\xe2\x82") == OCELLI_ERR_INVALID_UTF8);
}

static void files_that_cannot_be_opened(void) {
  char path[4096], text[OCELLI_LAST_ERROR_CAPACITY];
  CHECK(ocelli_check_model(in_directory(path, sizeof path, "missing.gguf")) == OCELLI_ERR_FILE);
  CHECK(ocelli_last_error_code() == OCELLI_ERR_FILE);
  CHECK(strstr(message(text), path) != NULL);
  CHECK(ocelli_check_model(directory) == OCELLI_ERR_FILE);
  memset(path, 'a', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  CHECK(ocelli_check_model(path) == OCELLI_ERR_FILE);
}

static void files_that_are_no_model(void) {
  static const struct {
    const char *name, *bytes;
    size_t size;
  } files[] = {
      {"empty.gguf", "", 0},
      {"text.gguf", "hello, this is not a model\n", 27},
      {"magic.gguf", "GGUF", 4},
      {"counts.gguf", "GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 24},
      {"nothing.gguf", "GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24},
  };
  char path[4096], text[OCELLI_LAST_ERROR_CAPACITY];
  size_t i;
  for (i = 0; i < sizeof files / sizeof files[0]; i++) {
    FILE *file = fopen(in_directory(path, sizeof path, files[i].name), "wb");
    CHECK(file != NULL);
    if (file == NULL) {
      continue;
    }
    CHECK(fwrite(files[i].bytes, 1, files[i].size, file) == files[i].size);
    CHECK(fclose(file) == 0);
    CHECK(ocelli_check_model(path) == OCELLI_ERR_MODEL);
    CHECK(ocelli_last_error_code() == OCELLI_ERR_MODEL);
    CHECK(message(text)[0] != '\0');
  }
}

/* Every capacity from 0 to more than enough: what is there is a prefix that ends between two characters and with a NUL,
 * and nothing lies behind it. */
static void copy_out(void) {
  char path[4096], whole[OCELLI_LAST_ERROR_CAPACITY], part[OCELLI_LAST_ERROR_CAPACITY];
  size_t needed = 0, capacity, i;
  int whole_prefixes = 1, no_cut = 1, untouched = 1, statuses = 1, sizes = 1;

  CHECK(ocelli_check_model(in_directory(path, sizeof path, "na\xc3\xafve \xe6\x9d\xb1 \xf0\x9f\xa6\x89.gguf")) ==
        OCELLI_ERR_FILE);
  CHECK(ocelli_last_error(NULL, 0, &needed) == OCELLI_OK);
  CHECK(needed > 1 && needed <= sizeof whole);
  CHECK(ocelli_last_error(whole, needed, NULL) == OCELLI_OK);
  CHECK(strlen(whole) + 1 == needed);
  CHECK(strstr(whole, path) != NULL);

  for (capacity = 0; capacity < needed + 3; capacity++) {
    size_t told = 0, length;
    int32_t status;
    memset(part, 0x7f, sizeof part);
    status = ocelli_last_error(part, capacity, &told);
    sizes &= told == needed;
    statuses &= status == (capacity == 0 || capacity >= needed ? OCELLI_OK : OCELLI_ERR_BUFFER_TOO_SMALL);
    length = 0;
    if (capacity > 0) {
      while (length < capacity && part[length] != '\0') {
        length++;
      }
      whole_prefixes &= length < capacity && memcmp(whole, part, length) == 0;
      no_cut &= ((unsigned char)whole[length] & 0xc0) != 0x80 && capacity - length <= 4 + (capacity > needed ? 3 : 0);
      length++;
    }
    for (i = length; i < needed + 3; i++) {
      untouched &= part[i] == 0x7f;
    }
  }
  CHECK(whole_prefixes);
  CHECK(no_cut);
  CHECK(untouched);
  CHECK(statuses);
  CHECK(sizes);

  /* Asking changes nothing, even asking wrongly. */
  needed = 0;
  CHECK(ocelli_last_error(NULL, 16, &needed) == OCELLI_ERR_NULL_PARAMETER);
  CHECK(needed == strlen(whole) + 1);
  CHECK(ocelli_last_error(part, SIZE_MAX, NULL) == OCELLI_ERR_BAD_PARAMETER);
  CHECK(ocelli_last_error(NULL, 0, NULL) == OCELLI_OK);
  CHECK(ocelli_last_error_code() == OCELLI_ERR_FILE);
  CHECK(strcmp(message(part), whole) == 0);
}

struct task {
  const char *path;
  int32_t status;
  const char *text;
  int wrong;
};

/* Fails the same way many times; the other thread's failures must never show. */
static void *fail_often(void *argument) {
  struct task *task = (struct task *)argument;
  char text[OCELLI_LAST_ERROR_CAPACITY];
  int i;
  task->wrong += ocelli_last_error_code() != OCELLI_OK; /* a new thread starts with none */
  for (i = 0; i < 500; i++) {
    task->wrong += ocelli_check_model(task->path) != task->status;
    task->wrong += ocelli_last_error_code() != task->status;
    task->wrong += strstr(message(text), task->text) == NULL;
  }
  return NULL;
}

static void threads(void) {
  struct task tasks[2];
  pthread_t ids[2];
  char missing[4096], text[OCELLI_LAST_ERROR_CAPACITY];
  int i;
  tasks[0].path = in_directory(missing, sizeof missing, "missing-in-a-thread.gguf");
  tasks[0].status = OCELLI_ERR_FILE;
  tasks[0].text = "missing-in-a-thread";
  tasks[1].path = "\xff";
  tasks[1].status = OCELLI_ERR_INVALID_UTF8;
  tasks[1].text = "byte 0 is 0xff";
  CHECK(ocelli_check_model(NULL) == OCELLI_ERR_NULL_PARAMETER);
  for (i = 0; i < 2; i++) {
    tasks[i].wrong = 0;
    CHECK(pthread_create(&ids[i], NULL, fail_often, &tasks[i]) == 0);
  }
  for (i = 0; i < 2; i++) {
    CHECK(pthread_join(ids[i], NULL) == 0);
    CHECK(tasks[i].wrong == 0);
  }
  CHECK(ocelli_last_error_code() == OCELLI_ERR_NULL_PARAMETER);
  CHECK(strcmp(message(text), "path is NULL") == 0);
}

static void a_real_model(const char *path) {
  char text[OCELLI_LAST_ERROR_CAPACITY];
  CHECK(ocelli_check_model(NULL) == OCELLI_ERR_NULL_PARAMETER);
  CHECK(ocelli_check_model(path) == OCELLI_OK);
  CHECK(ocelli_last_error_code() == OCELLI_OK);
  CHECK(strcmp(message(text), "") == 0); /* success clears */
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: smoke DIRECTORY MODEL\n");
    return 2;
  }
  directory = argv[1];
  versions_and_names();
  no_error_at_first();
  bad_parameters();
  files_that_cannot_be_opened();
  files_that_are_no_model();
  copy_out();
  threads();
  a_real_model(argv[2]);
  if (failures > 0) {
    fprintf(stderr, "smoke: %d of %d checks failed\n", failures, checks);
    return 1;
  }
  printf("%d checks\n", checks);
  return 0;
}
