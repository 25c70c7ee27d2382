/* What ocelli.h offers, used as it is meant: ways to open, the plan, texts whole and step by step, stopping, counting,
 * scores, rows of pictures, forks, saved states, log, progress and options.
 *
 *     session MODEL PICTURE */

#include "check.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUESTION "Question: what color is the shape? Answer:"
#define MORE 256

static const char *path, *picture;

static void *contents(const char *name, size_t *size) {
  FILE *file = fopen(name, "rb");
  void *bytes = NULL;
  if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
    *size = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*size);
    CHECK(bytes != NULL && fread(bytes, 1, *size, file) == *size);
    fclose(file);
  }
  CHECK(bytes != NULL);
  return bytes;
}

static ocelli_session *asked(ocelli_model *model, const char *question) {
  ocelli_session *session = NULL;
  ocelli_image *image = NULL;
  OK(ocelli_session_open(model, NULL, &session));
  OK(ocelli_image_open(picture, &image));
  OK(ocelli_session_add_image(session, image));
  OK(ocelli_image_close(image)); /* the prompt keeps it */
  OK(ocelli_session_add_text(session, question, strlen(question)));
  return session;
}

/* Text that comes in pieces, and when to stop it. */
struct heard {
  char text[4096];
  size_t size;
  int pieces, stop_after;
};

static int32_t hear(const char *piece, size_t size, void *user) {
  struct heard *heard = (struct heard *)user;
  CHECK(heard->size + size < sizeof heard->text);
  memcpy(heard->text + heard->size, piece, size + 1);
  heard->size += size;
  return ++heard->pieces == heard->stop_after;
}

struct told {
  int calls, stop_after, lines, errors;
  uint64_t done, total;
  char last[256];
};

static int32_t progress(uint64_t done, uint64_t total, void *user) {
  struct told *told = (struct told *)user;
  CHECK(done >= told->done && done <= total);
  told->done = done;
  told->total = total;
  return ++told->calls == told->stop_after;
}

static void log_line(int32_t level, const char *message, void *user) {
  struct told *told = (struct told *)user;
  CHECK(strchr(message, '\n') == NULL);
  told->lines++;
  told->errors += level == OCELLI_LOG_ERROR;
  snprintf(told->last, sizeof told->last, "%s", message);
}

/* An answer, greedy and short, as text and tokens. */
static size_t answer(ocelli_session *session, char *text, size_t capacity, uint32_t *tokens) {
  size_t count = 0;
  OK(ocelli_session_answer(session, text, capacity, NULL, tokens, MORE, &count));
  return count;
}

static void ways_to_open(void) {
  size_t size = 0;
  unsigned char *bytes = (unsigned char *)contents(path, &size);
  unsigned char *shifted = (unsigned char *)malloc(size + 3);
  char name[64];
  int fd, i;
  FILE *packed = tmpfile();
  ocelli_model *model[6];
  STRUCT(ocelli_model_options, options);
  struct told told;
  memset(model, 0, sizeof model);
  memset(&told, 0, sizeof told);
  options.progress = progress;
  options.progress_user = &told;
  options.threads = 1;

  options.flags = OCELLI_MODEL_COPY;
  OK(ocelli_model_open(path, &options, &model[0]));
  CHECK(told.calls >= 2 && told.done == size && told.total == size);
  told.done = 0;
  options.flags = OCELLI_MODEL_AHEAD;
  OK(ocelli_model_open(path, &options, &model[1]));
  told.done = 0;
  options.flags = 0;
  memcpy(shifted + 3, bytes, size);
  OK(ocelli_model_open_memory(shifted + 3, size, &options, &model[2]));
  memset(shifted, 0, size + 3); /* it was copied */
  told.done = 0;
  options.flags = OCELLI_MODEL_BORROW;
  OK(ocelli_model_open_memory(bytes, size, &options, &model[3]));

  /* A model inside another file, through a descriptor that is closed at once. */
  options.flags = 0;
  CHECK(packed != NULL && fwrite("asset..!", 1, 8, packed) == 8 && fwrite(bytes, 1, size, packed) == size);
  CHECK(fwrite("behind", 1, 6, packed) == 6 && fflush(packed) == 0);
  fd = dup(fileno(packed));
  CHECK(fd >= 0 && lseek(fd, 5, SEEK_SET) == 5);
  told.done = 0;
  OK(ocelli_model_open_fd(fd, 8, size, &options, &model[4]));
  CHECK(lseek(fd, 0, SEEK_CUR) == 5);
  close(fd);
  fclose(packed);
  fd = open(path, O_RDONLY);
  told.done = 0;
  if (ocelli_features() & OCELLI_FEATURE_AFFINITY) {
    options.cpus = ~(uint64_t)0;
  }
  OK(ocelli_model_open_fd(fd, 0, 0, &options, &model[5]));
  close(fd);
  for (i = 0; i < 6; i++) {
    char text[64];
    ocelli_session *session = asked(model[i], QUESTION);
    OK(ocelli_model_close(model[i])); /* the session goes on */
    OK(ocelli_session_generate(session, NULL, NULL, NULL, NULL));
    OK(ocelli_session_answer(session, text, sizeof text, NULL, NULL, 0, NULL));
    CHECK(strcmp(text, " blue") == 0);
    OK(ocelli_session_close(session));
    RETURNS(OCELLI_ERR_BAD_HANDLE, ocelli_session_close(session));
  }

  /* Stopped, and what does not go together. */
  told.done = 0;
  told.calls = 0;
  told.stop_after = 1;
  RETURNS(OCELLI_ERR_CANCELLED, ocelli_model_open(path, &options, &model[0]));
  CHECK(model[0] == NULL);
  told.stop_after = 0;
  options.flags = OCELLI_MODEL_BORROW;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_model_open(path, &options, &model[0]));
  options.flags = OCELLI_MODEL_COPY | OCELLI_MODEL_AHEAD;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_model_open(path, &options, &model[0]));
  options.flags = 0x100;
  RETURNS(OCELLI_ERR_UNSUPPORTED, ocelli_model_open(path, &options, &model[0]));
  options.flags = 0;
  options.gpu_layers = 1;
  RETURNS(OCELLI_ERR_UNSUPPORTED, ocelli_model_open(path, &options, &model[0]));
  snprintf(name, sizeof name, "there-is-none-%d.gguf", (int)getpid());
  RETURNS(OCELLI_ERR_FILE, ocelli_model_open(name, NULL, &model[0]));
  free(bytes);
  free(shifted);
}

static void what_a_model_is(ocelli_model *model) {
  char text[64];
  size_t needed = 0, count = 0;
  uint32_t tokens[64], i;
  STRUCT(ocelli_model_info, info);
  STRUCT(ocelli_memory, of_file);
  STRUCT(ocelli_memory, of_model);
  STRUCT(ocelli_session_options, options);
  OK(ocelli_model_get_info(model, &info));
  CHECK(info.can == (OCELLI_CAN_IMAGES | OCELLI_CAN_EMBED) && info.context > 64 && info.vocabulary > 100);
  CHECK(info.image_positions > 0 && info.embedding_width > 0 && info.threads > 0 && info.file_bytes > 1000000);
  OK(ocelli_model_meta(model, "general.architecture", text, sizeof text, &needed));
  CHECK(strcmp(text, "opt") == 0 && needed == 4);
  OK(ocelli_model_meta(model, "opt.block_count", text, sizeof text, &needed));
  CHECK(atoi(text) > 0);
  RETURNS(OCELLI_ERR_NOT_FOUND, ocelli_model_meta(model, "no.such.key", text, sizeof text, NULL));
  RETURNS(OCELLI_ERR_UNSUPPORTED, ocelli_model_meta(model, "tokenizer.ggml.tokens", text, sizeof text, NULL));

  OK(ocelli_plan(path, NULL, &options, &of_file));
  OK(ocelli_plan(NULL, model, &options, &of_model));
  CHECK(of_file.cache == of_model.cache && of_file.mapped == info.file_bytes);
  CHECK(of_file.total == of_file.mapped + of_file.cache + of_file.scratch + of_file.images + of_file.tokenizer + of_file.other);
  options.cache = OCELLI_CACHE_Q8_0;
  options.image_cache = 1;
  OK(ocelli_plan(NULL, model, &options, &of_model));
  CHECK(of_model.cache < of_file.cache && of_model.images < of_file.images);
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_plan(path, model, NULL, &of_model));
  RETURNS(OCELLI_ERR_NULL_PARAMETER, ocelli_plan(NULL, NULL, NULL, &of_model));
  options.budget = 1000;
  {
    ocelli_session *session = NULL;
    RETURNS(OCELLI_ERR_BUDGET, ocelli_session_open(model, &options, &session));
    CHECK(session == NULL);
  }

  OK(ocelli_tokenize(model, QUESTION, strlen(QUESTION), OCELLI_TOKENIZE_SPECIAL, NULL, 0, &count));
  CHECK(count > 5 && count < 64);
  RETURNS(OCELLI_ERR_BUFFER_TOO_SMALL, ocelli_tokenize(model, QUESTION, strlen(QUESTION), 0, tokens, 2, NULL));
  OK(ocelli_tokenize(model, QUESTION, strlen(QUESTION), OCELLI_TOKENIZE_SPECIAL, tokens, 64, &count));
  OK(ocelli_detokenize(model, tokens, count, text, sizeof text, NULL));
  CHECK(strcmp(text, QUESTION) == 0);
  for (i = 0; i < 3; i++) { /* its own error, told until the next call */
    int32_t status = -1;
    RETURNS(OCELLI_ERR_NOT_FOUND, ocelli_model_meta(model, "no.such.key", text, sizeof text, NULL));
    OK(ocelli_check_model(path));
    OK(ocelli_handle_error(model, &status, text, sizeof text, NULL));
    CHECK(status == OCELLI_ERR_NOT_FOUND && strstr(text, "no.such.key") != NULL);
  }
}

static void whole_and_step_by_step(ocelli_model *model) {
  static const float temperatures[2] = {0.0f, 1.5f};
  int i;
  for (i = 0; i < 2; i++) {
    char text[512], piece[64], stepped[512] = "", small[1];
    uint32_t tokens[MORE], token = 0;
    size_t count, n = 0, needed = 0;
    int32_t finish = -1, stopped = -1;
    ocelli_session *whole = asked(model, QUESTION), *steps = asked(model, QUESTION), *part = asked(model, QUESTION);
    struct heard heard;
    STRUCT(ocelli_generate_options, options);
    STRUCT(ocelli_usage, usage);
    memset(&heard, 0, sizeof heard);
    options.temperature = temperatures[i];
    options.seed = 11;
    options.max_new_tokens = 12;
    options.min_new_tokens = 12;
    OK(ocelli_session_generate(whole, &options, hear, &heard, &finish));
    count = answer(whole, text, sizeof text, tokens);
    CHECK(count == 12 && finish == OCELLI_FINISH_LENGTH && strcmp(text, heard.text) == 0);
    OK(ocelli_session_usage(whole, &usage));
    CHECK(usage.generated == 12 && usage.positions == usage.prompt + 12 && usage.kept == usage.positions - 1);
    CHECK(usage.encoded == 1 && usage.encode_us > 0 && usage.context > usage.positions);

    RETURNS(OCELLI_ERR_ORDER, ocelli_session_next(steps, &token, piece, sizeof piece, NULL, &stopped));
    OK(ocelli_session_start(steps, &options));
    RETURNS(OCELLI_ERR_NOT_FOUND, ocelli_session_answer(steps, piece, sizeof piece, NULL, NULL, 0, NULL));
    do {
      uint32_t again = 0;
      int32_t status = ocelli_session_next(steps, &again, small, sizeof small, &needed, &stopped);
      CHECK(status == (needed > 1 ? OCELLI_ERR_BUFFER_TOO_SMALL : OCELLI_OK));
      if (needed > 1) { /* the same step again, with room */
        OK(ocelli_session_next(steps, &token, piece, sizeof piece, NULL, &stopped));
        CHECK(token == again && strlen(piece) + 1 == needed);
        strcat(stepped, piece);
      }
      CHECK(n < count && again == tokens[n]);
      n++;
    } while (stopped == OCELLI_FINISH_NONE && n < MORE);
    CHECK(n == count && strcmp(stepped, text) == 0 && stopped == finish);
    RETURNS(OCELLI_ERR_ORDER, ocelli_session_next(steps, NULL, NULL, 0, NULL, NULL));
    CHECK(answer(steps, text, sizeof text, tokens) == count);

    memset(&heard, 0, sizeof heard);
    heard.stop_after = 2;
    OK(ocelli_session_generate(part, &options, hear, &heard, &finish));
    CHECK(finish == OCELLI_FINISH_STOPPED && heard.pieces >= 2 && strncmp(text, heard.text, heard.size) == 0);

    /* What follows is behind the answer; and after clearing all is new. */
    OK(ocelli_session_add_text(whole, " And", 4));
    OK(ocelli_session_generate(whole, &options, NULL, NULL, NULL));
    OK(ocelli_session_usage(whole, &usage));
    CHECK(usage.reused > 12 && usage.encoded == 0);
    OK(ocelli_session_clear(whole));
    RETURNS(OCELLI_ERR_NOT_FOUND, ocelli_session_answer(whole, piece, sizeof piece, NULL, NULL, 0, NULL));
    OK(ocelli_session_close(whole));
    OK(ocelli_session_close(steps));
    OK(ocelli_session_close(part));
  }
}

static void options_of_texts(ocelli_model *model) {
  ocelli_session *session = NULL;
  char text[256];
  uint32_t tokens[MORE];
  int32_t finish = 0;
  STRUCT(ocelli_session_options, layout);
  STRUCT(ocelli_generate_options, options);
  STRUCT(ocelli_usage, usage);
  layout.beams = 3;
  layout.context = 80;
  layout.cache = OCELLI_CACHE_F32;
  OK(ocelli_session_open(model, &layout, &session));
  OK(ocelli_session_add_text(session, QUESTION, strlen(QUESTION)));
  options.beams = 3;
  options.max_new_tokens = 4;
  OK(ocelli_session_generate(session, &options, NULL, NULL, &finish));
  CHECK(answer(session, text, sizeof text, tokens) > 0 && finish != OCELLI_FINISH_NONE);
  options.beams = 4;
  options.min_new_tokens = OCELLI_NONE;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_session_start(session, &options));
  options.beams = 2;
  options.temperature = 1.0f;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_session_generate(session, &options, NULL, NULL, NULL));
  OK(ocelli_session_close(session));

  layout.beams = 1;
  options.beams = 0;
  OK(ocelli_session_open(model, &layout, &session));
  OK(ocelli_session_add_text(session, QUESTION, strlen(QUESTION)));
  options.max_new_tokens = options.min_new_tokens = 80; /* a limit: the context ends the text before that */
  OK(ocelli_session_generate(session, &options, NULL, NULL, &finish));
  CHECK(finish == OCELLI_FINISH_CONTEXT);
  RETURNS(OCELLI_ERR_CONTEXT, ocelli_session_generate(session, &options, NULL, NULL, NULL));
  OK(ocelli_session_clear(session));
  OK(ocelli_session_add_text(session, QUESTION, strlen(QUESTION)));
  options.max_new_tokens = 4;
  options.min_new_tokens = 0;
  options.top_p = 1.5f;
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_session_generate(session, &options, NULL, NULL, NULL));
  OK(ocelli_session_usage(session, &usage));
  CHECK(usage.context == 80 && usage.positions < 40);
  OK(ocelli_session_close(session));
}

static void pieces_in_any_order(ocelli_model *model) {
  uint32_t tokens[4] = {5, 6, 7, 0}, unknown = UINT32_MAX;
  uint32_t positions = 0, plain[8];
  size_t count = 0;
  unsigned char pixels[16 * 16 * 4];
  ocelli_image *image = NULL;
  const ocelli_image *frames[1];
  ocelli_session *session = NULL;
  float score = 0.0f;
  STRUCT(ocelli_usage, usage);
  STRUCT(ocelli_model_info, info);
  memset(pixels, 77, sizeof pixels);
  OK(ocelli_model_get_info(model, &info));
  OK(ocelli_session_open(model, NULL, &session));
  OK(ocelli_image_open_pixels(pixels, sizeof pixels, 16, 16, 64, OCELLI_PIXELS_BGRA, &image));
  OK(ocelli_session_add_tokens(session, tokens, 3));
  OK(ocelli_session_add_image(session, image));
  OK(ocelli_session_usage(session, &usage));
  CHECK(usage.positions == 3 + info.image_positions && usage.kept == 0);
  OK(ocelli_session_add_tokens(session, tokens, 1));
  OK(ocelli_session_usage(session, &usage));
  CHECK(usage.positions == 4 + info.image_positions);
  RETURNS(OCELLI_ERR_BAD_PARAMETER, ocelli_session_add_tokens(session, &unknown, 1));
  /* No text makes a picture's token; other special tokens are read, where the caller does not say otherwise. */
  positions = usage.positions;
  OK(ocelli_session_add_text(session, "<image>", 7));
  OK(ocelli_session_usage(session, &usage));
  CHECK(usage.positions >= positions + 3);
  positions = usage.positions;
  OK(ocelli_session_add_text(session, "</s>", 4));
  OK(ocelli_session_usage(session, &usage));
  CHECK(usage.positions == positions + 1);
  positions = usage.positions;
  OK(ocelli_tokenize(model, "</s>", 4, OCELLI_TOKENIZE_PLAIN, plain, 8, &count));
  OK(ocelli_session_add_tokens(session, plain, count));
  OK(ocelli_session_usage(session, &usage));
  CHECK(usage.positions >= positions + 3);
  positions = usage.positions;
  frames[0] = image;
  RETURNS(OCELLI_ERR_PROMPT, ocelli_session_add_video(session, frames, 1, 2.0));
  RETURNS(OCELLI_ERR_UNSUPPORTED, ocelli_session_match(session, image, "a dog", 5, &score));
  OK(ocelli_session_usage(session, &usage));
  CHECK(usage.positions == positions);
  OK(ocelli_session_generate(session, NULL, NULL, NULL, NULL));
  OK(ocelli_session_close(session));
  OK(ocelli_image_close(image));
}

static void scores_and_rows(ocelli_model *model) {
  static const char *texts[3] = {" blue", " red", " circle"};
  double sums[3], again[3], length;
  uint32_t lengths[3];
  float *rows;
  size_t needed = 0, i;
  ocelli_session *session = asked(model, QUESTION);
  ocelli_image *image = NULL;
  STRUCT(ocelli_model_info, info);
  STRUCT(ocelli_usage, before);
  STRUCT(ocelli_usage, after);
  OK(ocelli_session_usage(session, &before));
  OK(ocelli_session_score(session, texts, 3, sums, lengths));
  CHECK(sums[0] > sums[1] && sums[0] > sums[2] && sums[0] < 0.0 && lengths[0] == 1);
  OK(ocelli_session_score(session, texts, 3, again, NULL));
  CHECK(fabs(again[1] - sums[1]) < 1e-3);
  OK(ocelli_session_usage(session, &after));
  CHECK(after.positions == before.positions && after.kept > 0);
  OK(ocelli_model_get_info(model, &info));
  OK(ocelli_image_open(picture, &image));
  OK(ocelli_session_embed(session, image, OCELLI_EMBED_ROWS, NULL, 0, &needed));
  CHECK(needed == (size_t)info.image_positions * info.embedding_width);
  rows = (float *)malloc(needed * sizeof *rows);
  OK(ocelli_session_embed(session, image, OCELLI_EMBED_ROWS, rows, needed, NULL));
  for (i = 0; i < needed; i++) {
    if (!(fabsf(rows[i]) < 1e6f)) {
      break;
    }
  }
  CHECK(i == needed);
  OK(ocelli_session_embed(session, image, OCELLI_EMBED_FEATURES, rows, needed, &needed));
  for (length = 0.0, i = 0; i < needed; i++) {
    length += (double)rows[i] * rows[i];
  }
  CHECK(fabs(length - 1.0) < 1e-4);
  free(rows);
  OK(ocelli_image_close(image));
  OK(ocelli_session_close(session));
}

static void forks_and_states(ocelli_model *model) {
  char text[512], other[512];
  uint32_t tokens[MORE], others[MORE];
  size_t count, size = 0;
  void *state;
  ocelli_session *session = asked(model, QUESTION), *fork = NULL, *later = NULL, *small = NULL;
  STRUCT(ocelli_generate_options, options);
  STRUCT(ocelli_session_options, layout);
  STRUCT(ocelli_usage, usage);
  options.max_new_tokens = options.min_new_tokens = 8;
  options.temperature = 1.0f;
  options.seed = 3;
  OK(ocelli_session_generate(session, &options, NULL, NULL, NULL));
  OK(ocelli_session_add_text(session, " And what shape? Answer:", 24));
  OK(ocelli_session_fork(session, &fork));
  OK(ocelli_session_save(session, NULL, 0, &size));
  state = malloc(size);
  RETURNS(OCELLI_ERR_BUFFER_TOO_SMALL, ocelli_session_save(session, state, size - 1, NULL));
  OK(ocelli_session_save(session, state, size, NULL));
  OK(ocelli_session_generate(session, &options, NULL, NULL, NULL));
  count = answer(session, text, sizeof text, tokens);
  OK(ocelli_session_close(session));

  OK(ocelli_session_generate(fork, &options, NULL, NULL, NULL));
  CHECK(answer(fork, other, sizeof other, others) == count && memcmp(tokens, others, count * sizeof *tokens) == 0);
  OK(ocelli_session_close(fork));

  OK(ocelli_session_open(model, NULL, &later));
  OK(ocelli_session_restore(later, state, size));
  OK(ocelli_session_usage(later, &usage));
  CHECK(usage.kept > 8);
  OK(ocelli_session_generate(later, &options, NULL, NULL, NULL));
  CHECK(answer(later, other, sizeof other, others) == count && memcmp(tokens, others, count * sizeof *tokens) == 0);
  CHECK(strcmp(text, other) == 0);
  ((unsigned char *)state)[size / 2] ^= 1;
  RETURNS(OCELLI_ERR_STATE, ocelli_session_restore(later, state, size));
  ((unsigned char *)state)[size / 2] ^= 1;
  layout.context = 16;
  OK(ocelli_session_open(model, &layout, &small));
  RETURNS(OCELLI_ERR_CONTEXT, ocelli_session_restore(small, state, size));
  OK(ocelli_session_close(small));
  OK(ocelli_session_close(later));
  free(state);
}

static void a_log(void) {
  ocelli_model *model = NULL;
  ocelli_session *session;
  struct told told;
  STRUCT(ocelli_model_options, options);
  memset(&told, 0, sizeof told);
  options.log = log_line;
  options.log_user = &told;
  OK(ocelli_model_open(path, &options, &model));
  CHECK(told.lines == 1 && strstr(told.last, "opened") != NULL);
  session = asked(model, QUESTION);
  OK(ocelli_session_generate(session, NULL, NULL, NULL, NULL));
  CHECK(told.lines == 3 && told.errors == 0 && strstr(told.last, "generated") != NULL);
  RETURNS(OCELLI_ERR_NULL_PARAMETER, ocelli_session_add_text(session, NULL, 4));
  CHECK(told.lines == 4 && told.errors == 1);
  OK(ocelli_model_close(model));
  OK(ocelli_session_close(session));
}

static void cancelled(ocelli_model *model) {
  ocelli_session *session = asked(model, QUESTION);
  char text[64];
  OK(ocelli_session_cancel(session)); /* before the call: it is not lost */
  RETURNS(OCELLI_ERR_CANCELLED, ocelli_session_generate(session, NULL, NULL, NULL, NULL));
  OK(ocelli_session_generate(session, NULL, NULL, NULL, NULL));
  OK(ocelli_session_answer(session, text, sizeof text, NULL, NULL, 0, NULL));
  CHECK(strcmp(text, " blue") == 0);
  OK(ocelli_session_close(session));
  RETURNS(OCELLI_ERR_BAD_HANDLE, ocelli_session_cancel(session));
}

int main(int argc, char **argv) {
  ocelli_model *model = NULL;
  if (argc != 3) {
    fprintf(stderr, "usage: session MODEL PICTURE\n");
    return 2;
  }
  path = argv[1];
  picture = argv[2];
  OK(ocelli_model_close(NULL));
  OK(ocelli_session_close(NULL));
  OK(ocelli_image_close(NULL));
  ways_to_open();
  OK(ocelli_model_open(path, NULL, &model));
  what_a_model_is(model);
  whole_and_step_by_step(model);
  options_of_texts(model);
  pieces_in_any_order(model);
  scores_and_rows(model);
  forks_and_states(model);
  cancelled(model);
  a_log();
  OK(ocelli_model_close(model));
  if (failures > 0) {
    fprintf(stderr, "session: %d of %d checks failed\n", failures, checks);
    return 1;
  }
  printf("%d checks\n", checks);
  return 0;
}
