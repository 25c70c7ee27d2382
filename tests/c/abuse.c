/* Every function of ocelli.h with every parameter wrong in every way that can be found out; every function from within a
 * callback of a session and while another thread is in a call on it; and, with HOOKS defined and a library that has the
 * feature test-hooks, every function with a fault inside. The calls are every_call.h's, which is written from the header.
 *
 *     abuse MODEL PICTURE
 *
 * A right call of a function is right_NAME(); its arguments are fields of W, the world. expect() looks at the status, as a
 * set of those that are allowed, and closes what the call has opened. */

#include "ocelli.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BIT(status) ((uint64_t)1 << (status))

enum kind { KIND_NONE, KIND_MODEL, KIND_SESSION, KIND_IMAGE };

struct function {
  const char *name;
  int32_t (*right)(void);
  enum kind first;
  uint64_t documented;
};

static struct {
  ocelli_model *model, *closed_model, *out_model, *fresh_model;
  ocelli_session *session, *closed_session, *out_session, *fresh_session;
  ocelli_image *image, *closed_image, *out_image, *fresh_image;
  const ocelli_image *frames[1];
  const char *path, *picture, *text, *continuations[1];
  char *long_text;
  void *file, *png, *state;
  size_t file_size, png_size, state_size, text_size, needed;
  int32_t fd, number;
  uint32_t ids[5], token, lengths[1];
  double sums[1];
  ocelli_box boxes[4];
  float score;
  char role[64];
  unsigned char pixels[8 * 8 * 3];
  ocelli_generate_options generate_options;
  ocelli_model_info info;
  ocelli_memory memory;
  ocelli_usage usage;
  uint32_t out_ids[256];
  float floats[1 << 16];
  char buffer[4 << 20];
} W;

static int checks;
static int failures;

static void expect_true(const char *what, int holds) {
  checks++;
  if (!holds) {
    failures++;
    fprintf(stderr, "failed: %s\n", what);
  }
}

/* Fresh handles were made for calls that close them, and may have failed to. */
static void tidy(void) {
  ocelli_session_close(W.fresh_session);
  ocelli_image_close(W.fresh_image);
  ocelli_model_close(W.fresh_model);
  W.fresh_session = NULL;
  W.fresh_image = NULL;
  W.fresh_model = NULL;
  ocelli_session_close(W.out_session);
  ocelli_image_close(W.out_image);
  ocelli_model_close(W.out_model);
  W.out_session = NULL;
  W.out_image = NULL;
  W.out_model = NULL;
}

static void expect(const char *what, int32_t status, uint64_t allowed) {
  checks++;
  if (status < 0 || status > 63 || (allowed & BIT(status)) == 0) {
    char message[OCELLI_LAST_ERROR_CAPACITY];
    failures++;
    ocelli_last_error(message, sizeof message, NULL);
    fprintf(stderr, "%s: %s (%s)\n", what, ocelli_status_name(status), message);
  }
  tidy();
}

#ifdef HOOKS
#ifdef __cplusplus
extern "C"
#endif
    void
    ocelli_test_panic(void);
/* Whether the call that is being tested is to fail inside; preparations are not. */
static int armed;
#define DISARM() int was = armed; if (was) { armed = 0; ocelli_check_model(NULL); }
#define ARM() if (was) { armed = 1; ocelli_test_panic(); }
#else
#define DISARM()
#define ARM()
#endif

/* A prompt in the session: 1, a text is being written behind it; 2, it is written; 3, there is no prompt. */
static void ready(int text) {
  DISARM()
  ocelli_session_clear(W.session);
  if (text != 3) {
    ocelli_session_add_text(W.session, W.text, W.text_size);
  }
  if (text == 1) {
    ocelli_session_start(W.session, &W.generate_options);
  } else if (text == 2) {
    ocelli_session_generate(W.session, &W.generate_options, NULL, NULL, NULL);
  }
  ARM()
}

static ocelli_model *new_model(void) {
  ocelli_model_options options;
  ocelli_model *model = NULL;
  DISARM()
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.threads = 1;
  expect_true("a model opens", ocelli_model_open(W.path, &options, &model) == OCELLI_OK);
  ARM()
  return model;
}

static ocelli_session *new_session(void) {
  ocelli_session *session = NULL;
  DISARM()
  expect_true("a session opens", ocelli_session_open(W.model, NULL, &session) == OCELLI_OK);
  ARM()
  return session;
}

static ocelli_image *new_image(void) {
  ocelli_image *image = NULL;
  DISARM()
  expect_true("a picture opens", ocelli_image_open(W.picture, &image) == OCELLI_OK);
  ARM()
  return image;
}

static ocelli_model *fresh_model(void) { return W.fresh_model = new_model(); }
static ocelli_session *fresh_session(void) { return W.fresh_session = new_session(); }
static ocelli_image *fresh_image(void) { return W.fresh_image = new_image(); }

static int32_t on_piece(const char *piece, size_t size, void *user);

#include "every_call.h"

#define COUNT (sizeof functions / sizeof functions[0])

/* What on_piece does besides listening. */
static enum { LISTEN, CALL, WAIT } manner;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int waiting, may_go;

/* A call that finds the session taken. */
static void expect_taken(const struct function *f, int32_t status) {
  int is_cancel = strcmp(f->name, "ocelli_session_cancel") == 0;
  int is_close = strcmp(f->name, "ocelli_session_close") == 0; /* of a session of its own */
  if (f->first == KIND_SESSION && !is_cancel && !is_close) {
    expect(f->name, f->right(), BIT(status));
  } else if (!is_cancel) {
    expect(f->name, f->right(), f->documented);
  }
}

static int32_t on_piece(const char *piece, size_t size, void *user) {
  size_t i;
  (void)user;
  expect_true("a piece ends with a NUL", strlen(piece) <= size && piece[size] == '\0');
  if (manner == CALL) {
    manner = LISTEN;
    for (i = 0; i < COUNT; i++) {
      expect_taken(&functions[i], OCELLI_ERR_REENTRANT);
    }
    expect("closing from a callback", ocelli_session_close(W.session), BIT(OCELLI_ERR_REENTRANT));
  } else if (manner == WAIT) {
    manner = LISTEN;
    pthread_mutex_lock(&mutex);
    waiting = 1;
    pthread_cond_broadcast(&changed);
    while (!may_go) {
      pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
  }
  return 0;
}

static int32_t generate(void) {
  ready(0);
  return ocelli_session_generate(W.session, &W.generate_options, on_piece, NULL, NULL);
}

static void *generate_elsewhere(void *status) {
  *(int32_t *)status = ocelli_session_generate(W.session, &W.generate_options, on_piece, NULL, NULL);
  return NULL;
}

static void right_calls(void) {
  size_t i;
  for (i = 0; i < COUNT; i++) {
    uint64_t bad = BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) |
                   BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_INVALID_UTF8);
    expect(functions[i].name, functions[i].right(), functions[i].documented & ~bad);
  }
}

static void from_a_callback(void) {
  manner = CALL;
  expect("generating around calls", generate(), BIT(OCELLI_OK));
  expect_true("the callback was called", manner == LISTEN);
}

static void while_another_thread_generates(void) {
  pthread_t thread;
  int32_t status = -1;
  size_t i;
  ready(0);
  manner = WAIT;
  expect_true("a thread", pthread_create(&thread, NULL, generate_elsewhere, &status) == 0);
  pthread_mutex_lock(&mutex);
  while (!waiting) {
    pthread_cond_wait(&changed, &mutex);
  }
  pthread_mutex_unlock(&mutex);
  for (i = 0; i < COUNT; i++) {
    expect_taken(&functions[i], OCELLI_ERR_BUSY);
  }
  expect("closing during another thread's call", ocelli_session_close(W.session), BIT(OCELLI_ERR_BUSY));
  pthread_mutex_lock(&mutex);
  may_go = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  pthread_join(thread, NULL);
  expect("the other thread's call", status, BIT(OCELLI_OK));
  expect("afterwards", generate(), BIT(OCELLI_OK));
}

static void open_world(void) {
  W.model = new_model();
  W.session = new_session();
  W.image = new_image();
  W.frames[0] = W.image;
}

static void close_world(void) {
  expect("closing a session", ocelli_session_close(W.session), BIT(OCELLI_OK));
  expect("closing a picture", ocelli_image_close(W.image), BIT(OCELLI_OK));
  expect("closing a model", ocelli_model_close(W.model), BIT(OCELLI_OK));
}

#ifdef HOOKS
static int ends_with(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  return n >= m && strcmp(name + n - m, end) == 0;
}

/* Functions that have nothing to fail in: constants, the errors themselves, and what a signal handler may call. */
static int cannot_fail(const char *name) {
  return ends_with(name, "_version") || ends_with(name, "_features") || ends_with(name, "_status_name") ||
         strstr(name, "_error") != NULL || ends_with(name, "_cancel");
}

static void with_a_fault_inside(void) {
  size_t i;
  for (i = 0; i < COUNT; i++) {
    const struct function *f = &functions[i];
    int32_t status;
    open_world();
    armed = 1;
    ocelli_test_panic();
    status = f->right();
    armed = 0;
    if (cannot_fail(f->name)) {
      int32_t next = ocelli_check_model(NULL);
      expect(f->name, status, BIT(OCELLI_OK));
      expect("the fault is still to come", next, BIT(OCELLI_ERR_PANIC));
    } else {
      expect(f->name, status, BIT(OCELLI_ERR_PANIC));
      if (f->first != KIND_NONE && !ends_with(f->name, "_close")) {
        char message[256];
        const void *handle = f->first == KIND_MODEL     ? (const void *)W.model
                             : f->first == KIND_SESSION ? (const void *)W.session
                                                        : (const void *)W.image;
        expect(f->name, f->right(), BIT(OCELLI_ERR_POISONED));
        expect("the handle's error", ocelli_handle_error(handle, &W.number, message, sizeof message, NULL), BIT(OCELLI_OK));
        expect_true("it tells of the fault", W.number == OCELLI_ERR_PANIC && strstr(message, "on purpose") != NULL);
      }
    }
    close_world();
  }
}
#endif

/* The bytes of a file. */
static void *contents(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  void *bytes;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(2);
  }
  *size = (size_t)ftell(file);
  rewind(file);
  bytes = malloc(*size);
  if (bytes == NULL || fread(bytes, 1, *size, file) != *size) {
    exit(2);
  }
  fclose(file);
  return bytes;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: abuse MODEL PICTURE\n");
    return 2;
  }
  W.path = argv[1];
  W.picture = argv[2];
  W.file = contents(W.path, &W.file_size);
  W.png = contents(W.picture, &W.png_size);
  W.fd = open(W.path, O_RDONLY);
  W.text = "Question: what color is the shape? Answer:";
  W.text_size = strlen(W.text);
  W.continuations[0] = " blue";
  W.ids[0] = 3;
  W.long_text = (char *)malloc(100001);
  if (W.long_text == NULL) {
    return 2;
  }
  memset(W.long_text, 'a', 100000);
  W.long_text[100000] = '\0';
  W.generate_options.struct_size = sizeof W.generate_options;
  W.generate_options.max_new_tokens = 2;
  W.generate_options.min_new_tokens = 2;
  W.generate_options.logprobs = 1;
  W.info.struct_size = sizeof W.info;
  W.memory.struct_size = sizeof W.memory;
  W.usage.struct_size = sizeof W.usage;

  open_world();
  W.closed_model = W.model;
  W.closed_session = W.session;
  W.closed_image = W.image;
  close_world();
  open_world();
  ready(0);
  expect("a picture", ocelli_session_add_image(W.session, W.image), BIT(OCELLI_OK));
  expect("a state's size", ocelli_session_save(W.session, NULL, 0, &W.state_size), BIT(OCELLI_OK));
  W.state = malloc(W.state_size);
  expect("a state", ocelli_session_save(W.session, W.state, W.state_size, NULL), BIT(OCELLI_OK));

  right_calls();
  wrong_calls();
  from_a_callback();
  while_another_thread_generates();
  close_world();
#ifdef HOOKS
  with_a_fault_inside();
#endif
  close(W.fd);
  free(W.file);
  free(W.png);
  free(W.state);
  free(W.long_text);
  if (failures > 0) {
    fprintf(stderr, "abuse: %d of %d checks failed\n", failures, checks);
    return 1;
  }
  printf("%d checks of %d functions\n", checks, (int)COUNT);
  return 0;
}
