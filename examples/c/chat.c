/* A conversation by the chat template of the model's file: each line of standard input is said, the answers are printed as
 * they are written. Ctrl-C ends an answer where it is.
 *
 *     ./chat MODEL [SYSTEM] */

#include <ocelli.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
  (void)number;
  interrupted = 1;
}

static int failed(const char *what) {
  char message[OCELLI_LAST_ERROR_CAPACITY];
  ocelli_last_error(message, sizeof message, NULL);
  fprintf(stderr, "%s: %s\n", what, message);
  return 1;
}

/* Returning 1 ends the answer and keeps what is there; ocelli_session_cancel() would drop it. */
static int32_t on_piece(const char *piece, size_t size, void *user) {
  (void)user;
  fwrite(piece, 1, size, stdout);
  fflush(stdout);
  return interrupted;
}

/* There is no text yet that could end: what else stops is the reading. */
static int32_t on_stage(uint32_t stage, uint64_t done, uint64_t total, void *user) {
  (void)stage, (void)done, (void)total, (void)user;
  return interrupted;
}

static int32_t say(ocelli_session *session, const char *role, const char *text) {
  return ocelli_session_add_turn(session, role, NULL, 0, text, strlen(text));
}

int main(int argc, char **argv) {
  ocelli_model *model = NULL;
  ocelli_session *session = NULL;
  ocelli_session_options layout;
  ocelli_usage usage;
  char line[4096];
  int status = 0;

  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: chat MODEL [SYSTEM]\n");
    return 2;
  }
  memset(&layout, 0, sizeof layout);
  layout.struct_size = sizeof layout;
  layout.stage = on_stage;
  memset(&usage, 0, sizeof usage);
  usage.struct_size = sizeof usage;
  signal(SIGINT, on_signal);
  if (ocelli_model_open(argv[1], NULL, &model) != OCELLI_OK ||
      ocelli_session_open(model, &layout, &session) != OCELLI_OK ||
      (argc == 3 && say(session, "system", argv[2]) != OCELLI_OK)) {
    status = failed(argv[1]);
  }
  while (status == 0 && fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    interrupted = 0;
    if (say(session, "user", line) != OCELLI_OK) {
      status = failed("message");
    } else if (ocelli_session_generate(session, NULL, on_piece, NULL, NULL) != OCELLI_OK) {
      /* The question is still there, and would be answered with the next one. */
      status = interrupted ? 0 : failed("answer");
      ocelli_session_take_turn_back(session);
    } else if (ocelli_session_usage(session, &usage) == OCELLI_OK && usage.dropped > 0) {
      fprintf(stderr, "[the context is full: the oldest %u turns were dropped]\n", (unsigned)usage.dropped);
    }
    printf("\n");
  }
  ocelli_session_close(session);
  ocelli_model_close(model);
  return status;
}
