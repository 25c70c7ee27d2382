/* What ocelli.h tells of models, pictures and texts: keys, tokens, sizes, log-probabilities, how far a call is; stop strings, and
 * what is refused where the model's file has no wordings and no chat template.
 *
 *     told MODEL PICTURE */

#include "check.h"

#include <math.h>
#include <string.h>

#define QUESTION "Question: what color is the shape? Answer:"
#define MOST 256

#ifndef OCELLI_ERR_FILE
#error "the constants are macros, too"
#endif

static const char *picture;

static ocelli_session *asked(ocelli_model *model, const ocelli_session_options *layout) {
  ocelli_session *session = NULL;
  ocelli_image *image = NULL;
  OK(ocelli_session_open(model, layout, &session));
  OK(ocelli_image_open(picture, &image));
  OK(ocelli_session_add_image(session, image));
  OK(ocelli_image_close(image));
  OK(ocelli_session_add_text(session, QUESTION, strlen(QUESTION)));
  return session;
}

static void keys(ocelli_model *model) {
  STRUCT(ocelli_model_info, info);
  char key[256], value[1 << 16];
  size_t needed = 0;
  uint32_t i, found = 0;
  OK(ocelli_model_get_info(model, &info));
  CHECK(info.keys > 10);
  for (i = 0; i < info.keys; i++) {
    int32_t status;
    OK(ocelli_model_key(model, i, key, sizeof key, &needed));
    CHECK(needed == strlen(key) + 1);
    found += strcmp(key, "general.architecture") == 0;
    status = ocelli_model_meta(model, key, value, sizeof value, NULL);
    CHECK(status == OCELLI_OK || status == OCELLI_ERR_UNSUPPORTED || status == OCELLI_ERR_BUFFER_TOO_SMALL);
  }
  CHECK(found == 1);
  RETURNS(OCELLI_ERR_NOT_FOUND, ocelli_model_key(model, info.keys, key, sizeof key, NULL));
  RETURNS(OCELLI_ERR_BUFFER_TOO_SMALL, ocelli_model_key(model, 0, key, 2, NULL));
}

static void tokens(ocelli_model *model) {
  STRUCT(ocelli_model_info, info);
  uint32_t ids[MOST], kind = 0, i, ends = 0;
  char piece[MOST], text[MOST], whole[MOST];
  size_t count = 0, needed = 0, size = 0;
  OK(ocelli_model_get_info(model, &info));
  CHECK(info.eos != OCELLI_NONE && info.eos < info.vocabulary);
  CHECK((info.can & (OCELLI_CAN_CHAT | OCELLI_CAN_SHOTS)) == 0);
  for (i = 0; i < info.vocabulary; i++) {
    OK(ocelli_token_piece(model, i, &kind, NULL, 0, &needed));
    ends += (kind & OCELLI_TOKEN_ENDS) != 0;
  }
  CHECK(ends > 0);
  RETURNS(OCELLI_ERR_MODEL, ocelli_token_piece(model, info.vocabulary, &kind, NULL, 0, NULL));

  /* The pieces of a text are the text. */
  OK(ocelli_tokenize(model, QUESTION, strlen(QUESTION), 0, ids, MOST - 1, &count));
  for (i = 0; i < count; i++) {
    OK(ocelli_token_piece(model, ids[i], NULL, whole + size, sizeof whole - size, &needed));
    size += needed - 1;
  }
  CHECK(strcmp(whole, QUESTION) == 0);

  OK(ocelli_token_piece(model, info.eos, &kind, piece, sizeof piece, NULL));
  CHECK((kind & OCELLI_TOKEN_CONTROL) != 0 && strlen(piece) > 0);
  RETURNS(OCELLI_ERR_BUFFER_TOO_SMALL, ocelli_token_piece(model, info.eos, NULL, text, 2, &needed));
  CHECK(needed == strlen(piece) + 1 && text[0] == piece[0] && text[1] == '\0');
  ids[count++] = info.eos;
  OK(ocelli_detokenize_with(model, ids, count, 0, text, sizeof text, NULL));
  CHECK(strcmp(text, QUESTION) == 0);
  OK(ocelli_detokenize_with(model, ids, count, OCELLI_DETOKENIZE_SPECIAL, text, sizeof text, NULL));
  CHECK(strncmp(text, QUESTION, strlen(QUESTION)) == 0 && strcmp(text + strlen(QUESTION), piece) == 0);
  RETURNS(OCELLI_ERR_UNSUPPORTED, ocelli_detokenize_with(model, ids, count, 2, text, sizeof text, NULL));
}

static void sizes(void) {
  unsigned char pixels[6 * 4 * 3];
  ocelli_image *image = NULL;
  uint32_t width = 0, height = 0;
  memset(pixels, 0, sizeof pixels);
  OK(ocelli_image_open_pixels(pixels, sizeof pixels, 6, 4, 0, OCELLI_PIXELS_RGB, &image));
  OK(ocelli_image_size(image, &width, &height));
  CHECK(width == 6 && height == 4);
  OK(ocelli_image_size(image, NULL, NULL));
  OK(ocelli_image_close(image));
  RETURNS(OCELLI_ERR_BAD_HANDLE, ocelli_image_size(image, &width, &height));
}

static void log_probabilities(ocelli_model *model) {
  static const char *const texts[] = {" blue", " red"};
  ocelli_session *session = asked(model, NULL);
  STRUCT(ocelli_generate_options, options);
  uint32_t ids[MOST], lengths[2];
  float whole[MOST], one[MOST];
  double sums[2], sum = 0;
  size_t count = 0, needed = 0, i;
  int32_t finish = OCELLI_FINISH_NONE;
  RETURNS(OCELLI_ERR_NOT_FOUND, ocelli_session_logprobs(session, NULL, NULL, 0, &needed));
  OK(ocelli_session_score(session, texts, 2, sums, lengths));
  OK(ocelli_session_logprobs(session, ids, one, MOST, &needed));
  CHECK(needed == (size_t)lengths[0] + lengths[1]);
  for (i = 0; i < lengths[0]; i++) {
    sum += one[i];
  }
  CHECK(fabs(sum - sums[0]) < 1e-5 && sums[0] > sums[1]);
  RETURNS(OCELLI_ERR_BUFFER_TOO_SMALL, ocelli_session_logprobs(session, NULL, one, 1, NULL));

  options.logprobs = 1;
  OK(ocelli_session_generate(session, &options, NULL, NULL, NULL));
  OK(ocelli_session_logprobs(session, ids, whole, MOST, &count));
  CHECK(count == 2 && fabs(whole[0] - one[0]) < 1e-4);
  OK(ocelli_session_close(session));

  /* Step by step the same, and the text goes on. */
  session = asked(model, NULL);
  OK(ocelli_session_start(session, &options));
  for (i = 0; finish == OCELLI_FINISH_NONE; i++) {
    OK(ocelli_session_next(session, NULL, NULL, 0, NULL, &finish));
    OK(ocelli_session_logprobs(session, NULL, one, MOST, &needed));
    CHECK(needed == i + 1 && fabs(one[i] - whole[i]) < 1e-4);
  }
  CHECK(i == count);
  options.logprobs = 0;
  OK(ocelli_session_generate(session, &options, NULL, NULL, NULL));
  RETURNS(OCELLI_ERR_NOT_FOUND, ocelli_session_logprobs(session, NULL, one, MOST, &needed));
  options.logprobs = 2;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_session_generate(session, &options, NULL, NULL, NULL));
  OK(ocelli_session_close(session));
}

static void stop_strings(ocelli_model *model) {
  const char *stop[2] = {"no such text", NULL};
  ocelli_session *session = asked(model, NULL);
  STRUCT(ocelli_generate_options, options);
  char whole[MOST], text[MOST], end[3];
  int32_t finish = OCELLI_FINISH_NONE;
  options.max_new_tokens = options.min_new_tokens = 6;
  OK(ocelli_session_generate(session, &options, NULL, NULL, &finish));
  OK(ocelli_session_answer(session, whole, sizeof whole, NULL, NULL, 0, NULL));
  CHECK(finish == OCELLI_FINISH_LENGTH && strlen(whole) > 6);
  memcpy(end, whole + 3, 2);
  end[2] = '\0';
  OK(ocelli_session_close(session));

  session = asked(model, NULL);
  stop[1] = end;
  options.stop = stop;
  options.stop_count = 2;
  OK(ocelli_session_generate(session, &options, NULL, NULL, &finish));
  OK(ocelli_session_answer(session, text, sizeof text, NULL, NULL, 0, NULL));
  CHECK(finish == OCELLI_FINISH_STOP_STRING);
  CHECK(strlen(text) == (size_t)(strstr(whole, end) - whole) && strncmp(text, whole, strlen(text)) == 0);
  stop[1] = "";
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_session_generate(session, &options, NULL, NULL, NULL));
  stop[1] = "\xff";
  RETURNS(OCELLI_ERR_INVALID_UTF8, ocelli_session_generate(session, &options, NULL, NULL, NULL));
  stop[1] = NULL;
  RETURNS(OCELLI_ERR_NULL_PARAMETER, ocelli_session_generate(session, &options, NULL, NULL, NULL));
  options.stop_count = 65;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_session_generate(session, &options, NULL, NULL, NULL));
  options.stop = NULL;
  options.stop_count = 1;
  RETURNS(OCELLI_ERR_NULL_PARAMETER, ocelli_session_generate(session, &options, NULL, NULL, NULL));
  OK(ocelli_session_close(session));
}

struct stages {
  int calls[3], stop_in;
  uint64_t done, total, last;
};

static int32_t on_stage(uint32_t stage, uint64_t done, uint64_t total, void *user) {
  struct stages *stages = (struct stages *)user;
  CHECK(stage == OCELLI_STAGE_ENCODE || stage == OCELLI_STAGE_PREFILL);
  CHECK(stage >= stages->last && done <= total);
  CHECK(stage != stages->last || (done >= stages->done && total == stages->total));
  stages->last = stage;
  stages->done = done;
  stages->total = total;
  stages->calls[stage]++;
  return (int)stage == stages->stop_in && done > 0;
}

static void how_far(ocelli_model *model) {
  STRUCT(ocelli_session_options, layout);
  ocelli_session *session;
  struct stages stages;
  int stop_in;
  for (stop_in = 0; stop_in <= 2; stop_in++) {
    memset(&stages, 0, sizeof stages);
    stages.stop_in = stop_in;
    layout.stage = on_stage;
    layout.stage_user = &stages;
    session = asked(model, &layout);
    RETURNS(stop_in == 0 ? OCELLI_OK : OCELLI_ERR_CANCELLED, ocelli_session_generate(session, NULL, NULL, NULL, NULL));
    CHECK(stages.calls[OCELLI_STAGE_ENCODE] > 1);
    CHECK(stop_in == OCELLI_STAGE_ENCODE || stages.calls[OCELLI_STAGE_PREFILL] > 1);
    CHECK(stop_in != 0 || stages.done == stages.total);
    stages.stop_in = 0;
    stages.last = 0;
    OK(ocelli_session_generate(session, NULL, NULL, NULL, NULL));
    OK(ocelli_session_close(session));
  }
}

static void refused(ocelli_model *model) {
  ocelli_session *session = asked(model, NULL);
  ocelli_image *image = NULL;
  size_t images = 0;
  STRUCT(ocelli_usage, usage);
  OK(ocelli_image_open(picture, &image));
  RETURNS(OCELLI_ERR_UNSUPPORTED, ocelli_session_add_shot(session, image, NULL, "a circle", 0));
  RETURNS(OCELLI_ERR_UNSUPPORTED, ocelli_session_add_shot(session, NULL, "what?", "", OCELLI_SHOT_QUERY));
  RETURNS(OCELLI_ERR_UNSUPPORTED, ocelli_session_add_shot(session, NULL, NULL, "", 2));
  RETURNS(OCELLI_ERR_ORDER, ocelli_session_add_turn(session, "user", NULL, 0, "hello", 5));
  OK(ocelli_session_clear(session));
  RETURNS(OCELLI_ERR_PROMPT, ocelli_session_add_turn(session, "user", NULL, 0, "hello", 5));
  RETURNS(OCELLI_ERR_NOT_FOUND, ocelli_session_take_turn_back(session));
  RETURNS(OCELLI_ERR_NOT_FOUND, ocelli_session_turn(session, 0, NULL, 0, NULL, NULL, 0, NULL, &images));
  OK(ocelli_session_usage(session, &usage));
  CHECK(usage.turns == 0 && usage.dropped == 0);
  OK(ocelli_image_close(image));
  OK(ocelli_session_close(session));
}

static void processors(const char *path) {
  STRUCT(ocelli_model_options, options);
  ocelli_model *model = NULL;
  uint64_t set[129];
  if ((ocelli_features() & OCELLI_FEATURE_AFFINITY) == 0) {
    return;
  }
  memset(set, 0, sizeof set);
  options.threads = 2;
  options.cpu_set = set;
  options.cpu_set_words = 128;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_model_open(path, &options, &model)); /* none */
  memset(set, 0xff, sizeof set);
  OK(ocelli_model_open(path, &options, &model));
  OK(ocelli_model_close(model));
  options.cpus = 1;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_model_open(path, &options, &model)); /* both */
  options.cpus = 0;
  options.cpu_set_words = 129;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_model_open(path, &options, &model));
  options.cpu_set = NULL;
  options.cpu_set_words = 1;
  RETURNS(OCELLI_ERR_NULL_PARAMETER, ocelli_model_open(path, &options, &model));
}

int main(int argc, char **argv) {
  ocelli_model *model = NULL;
  /* What a debugger shows by name. */
  enum ocelli_status status;
  if (argc != 3) {
    fprintf(stderr, "usage: told MODEL PICTURE\n");
    return 2;
  }
  picture = argv[2];
  status = (enum ocelli_status)ocelli_model_open(argv[1], NULL, &model);
  CHECK(status == OCELLI_OK);
  keys(model);
  tokens(model);
  sizes();
  log_probabilities(model);
  stop_strings(model);
  how_far(model);
  refused(model);
  OK(ocelli_model_close(model));
  processors(argv[1]);
  if (failures > 0) {
    fprintf(stderr, "told: %d of %d checks failed\n", failures, checks);
    return 1;
  }
  printf("%d checks\n", checks);
  return 0;
}
