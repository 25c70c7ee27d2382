/* Ctrl-C ends the answer, not the program: the handler sets the session's flag, and the call returns within a layer.
 * Without a hand on the keyboard the program interrupts itself.
 *
 *     ./cancel MODEL PICTURE PROMPT */

#include <ocelli.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static ocelli_session *session;

/* The one function of the library that a signal handler may call. */
static void on_interrupt(int number) {
  (void)number;
  ocelli_session_cancel(session);
}

static int32_t on_piece(const char *piece, size_t size, void *user) {
  int *pieces = (int *)user;
  fwrite(piece, 1, size, stdout);
  fflush(stdout);
  if (++*pieces == 3) {
    raise(SIGINT);
  }
  return 0;
}

int main(int argc, char **argv) {
  ocelli_model *model = NULL;
  ocelli_image *image = NULL;
  ocelli_generate_options options;
  int32_t first = OCELLI_OK, second = OCELLI_OK;
  int pieces = 0;

  if (argc != 4) {
    fprintf(stderr, "usage: cancel MODEL PICTURE PROMPT\n");
    return 2;
  }
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.max_new_tokens = options.min_new_tokens = 16;
  if (ocelli_model_open(argv[1], NULL, &model) == OCELLI_OK && ocelli_image_open(argv[2], &image) == OCELLI_OK &&
      ocelli_session_open(model, NULL, &session) == OCELLI_OK && ocelli_session_add_image(session, image) == OCELLI_OK &&
      ocelli_session_add_text(session, argv[3], strlen(argv[3])) == OCELLI_OK) {
    signal(SIGINT, on_interrupt);
    first = ocelli_session_generate(session, &options, on_piece, &pieces, NULL);
    printf("\n%s\n", ocelli_status_name(first));
    second = ocelli_session_generate(session, &options, NULL, NULL, NULL);
    printf("%s\n", ocelli_status_name(second));
  }
  ocelli_session_close(session);
  ocelli_image_close(image);
  ocelli_model_close(model);
  return first == OCELLI_ERR_CANCELLED && second == OCELLI_OK ? 0 : 1;
}
