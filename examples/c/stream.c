/* An answer as it is written, twice: pushed into a callback, and pulled token by token.
 *
 *     ./stream MODEL PICTURE PROMPT */

#include <ocelli.h>

#include <stdio.h>
#include <string.h>

static int failed(const char *what) {
  char message[OCELLI_LAST_ERROR_CAPACITY];
  ocelli_last_error(message, sizeof message, NULL);
  fprintf(stderr, "%s: %s\n", what, message);
  return 1;
}

/* Whole characters, as they come. Anything but 0 would end the text here. */
static int32_t on_piece(const char *piece, size_t size, void *user) {
  (void)user;
  fwrite(piece, 1, size, stdout);
  fflush(stdout);
  return 0;
}

static int ask(ocelli_session *session, const ocelli_image *image, const char *prompt) {
  return ocelli_session_clear(session) == OCELLI_OK && ocelli_session_add_image(session, image) == OCELLI_OK &&
         ocelli_session_add_text(session, prompt, strlen(prompt)) == OCELLI_OK;
}

int main(int argc, char **argv) {
  ocelli_model *model = NULL;
  ocelli_image *image = NULL;
  ocelli_session *session = NULL;
  char piece[256];
  int32_t finish = OCELLI_FINISH_NONE;
  int status = 0;

  if (argc != 4) {
    fprintf(stderr, "usage: stream MODEL PICTURE PROMPT\n");
    return 2;
  }
  if (ocelli_model_open(argv[1], NULL, &model) != OCELLI_OK || ocelli_image_open(argv[2], &image) != OCELLI_OK ||
      ocelli_session_open(model, NULL, &session) != OCELLI_OK) {
    status = failed("opening");
  } else if (!ask(session, image, argv[3]) ||
             ocelli_session_generate(session, NULL, on_piece, NULL, NULL) != OCELLI_OK) {
    status = failed("pushed");
  } else if (printf("\n") < 0 || !ask(session, image, argv[3]) || ocelli_session_start(session, NULL) != OCELLI_OK) {
    status = failed("pulled");
  } else {
    while (finish == OCELLI_FINISH_NONE) {
      if (ocelli_session_next(session, NULL, piece, sizeof piece, NULL, &finish) != OCELLI_OK) {
        status = failed("pulled");
        break;
      }
      printf("%s", piece);
      fflush(stdout);
    }
    printf("\n");
  }
  ocelli_session_close(session);
  ocelli_image_close(image);
  ocelli_model_close(model);
  return status;
}
