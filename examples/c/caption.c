/* One picture, one question, one answer.
 *
 *     cc caption.c -locelli -o caption
 *     ./caption MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]
 *
 * The second line are the tokens: the same for the same seed in every language. */

#include <ocelli.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what) {
  char message[OCELLI_LAST_ERROR_CAPACITY];
  ocelli_last_error(message, sizeof message, NULL);
  fprintf(stderr, "%s: %s\n", what, message);
  return 1;
}

int main(int argc, char **argv) {
  ocelli_model *model = NULL;
  ocelli_image *image = NULL;
  ocelli_session *session = NULL;
  ocelli_generate_options options;
  char text[4096];
  uint32_t tokens[1024];
  size_t count = 0, i;
  int status = 0;

  if (argc < 4) {
    fprintf(stderr, "usage: caption MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]\n");
    return 2;
  }
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.temperature = argc > 4 ? (float)atof(argv[4]) : 0.0f;
  options.seed = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
  options.max_new_tokens = argc > 6 ? (uint32_t)atoi(argv[6]) : 0;

  if (ocelli_model_open(argv[1], NULL, &model) != OCELLI_OK) {
    status = failed("model");
  } else if (ocelli_image_open(argv[2], &image) != OCELLI_OK) {
    status = failed("picture");
  } else if (ocelli_session_open(model, NULL, &session) != OCELLI_OK ||
             ocelli_session_add_image(session, image) != OCELLI_OK ||
             ocelli_session_add_text(session, argv[3], strlen(argv[3])) != OCELLI_OK ||
             ocelli_session_generate(session, &options, NULL, NULL, NULL) != OCELLI_OK ||
             ocelli_session_answer(session, text, sizeof text, NULL, tokens, 1024, &count) != OCELLI_OK) {
    status = failed("answer");
  } else {
    printf("%s\ntokens:", text);
    for (i = 0; i < count; i++) {
      printf(" %u", (unsigned)tokens[i]);
    }
    printf("\n");
  }
  /* In any order, and whatever was not opened is NULL. */
  ocelli_model_close(model);
  ocelli_image_close(image);
  ocelli_session_close(session);
  return status;
}
