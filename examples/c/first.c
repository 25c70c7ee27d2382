/* A picture, a question, and the answer as it is written. */

#include <ocelli.h>

#include <stdio.h>
#include <string.h>

/* What a call that failed said. */
static int failed(const char *what) {
  char message[OCELLI_LAST_ERROR_CAPACITY];
  ocelli_last_error(message, sizeof message, NULL);
  fprintf(stderr, "%s: %s\n", what, message);
  return 1;
}

/* Whole characters, as they come. Returning 1 would end the answer here. */
static int32_t on_piece(const char *piece, size_t size, void *user) {
  fwrite(piece, 1, size, (FILE *)user);
  fflush((FILE *)user);
  return 0;
}

int main(int argc, char **argv) {
  ocelli_model *model = NULL;
  ocelli_image *image = NULL;
  ocelli_session *session = NULL;
  int status = 0;

  if (argc != 4) {
    fprintf(stderr, "usage: first MODEL PICTURE QUESTION\n");
    return 2;
  }
  if (ocelli_abi_version() != OCELLI_ABI_VERSION) {
    fprintf(stderr, "first was compiled for another version of the library\n");
    return 2;
  }
  if (ocelli_model_open(argv[1], NULL, &model) != OCELLI_OK) {
    status = failed("model");
  } else if (ocelli_image_open(argv[2], &image) != OCELLI_OK) {
    status = failed("picture");
  } else if (ocelli_session_open(model, NULL, &session) != OCELLI_OK ||
             ocelli_session_add_image(session, image) != OCELLI_OK ||
             ocelli_session_add_text(session, argv[3], strlen(argv[3])) != OCELLI_OK ||
             ocelli_session_generate(session, NULL, on_piece, stdout, NULL) != OCELLI_OK) {
    status = failed("answer");
  } else {
    printf("\n");
  }
  /* In any order; closing NULL does nothing. */
  ocelli_session_close(session);
  ocelli_image_close(image);
  ocelli_model_close(model);
  return status;
}
