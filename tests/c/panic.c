/* A panic inside the library comes back as a status and leaves the library usable. Needs a library built with the
 * feature test-hooks, which alone has ocelli_test_panic; no header declares it. */

#include "ocelli.h"

#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C"
#endif
    void
    ocelli_test_panic(void);

int main(void) {
  char text[OCELLI_LAST_ERROR_CAPACITY];
  int i;
  for (i = 0; i < 3; i++) {
    ocelli_test_panic();
    if (ocelli_check_model(NULL) != OCELLI_ERR_PANIC || ocelli_last_error_code() != OCELLI_ERR_PANIC) {
      fprintf(stderr, "the status of a panic is %s\n", ocelli_status_name(ocelli_last_error_code()));
      return 1;
    }
    if (ocelli_last_error(text, sizeof text, NULL) != OCELLI_OK || strstr(text, "a panic on purpose") == NULL) {
      fprintf(stderr, "the message of a panic is '%s'\n", text);
      return 1;
    }
    if (ocelli_check_model(NULL) != OCELLI_ERR_NULL_PARAMETER) {
      fprintf(stderr, "after a panic: %s\n", ocelli_status_name(ocelli_last_error_code()));
      return 1;
    }
  }
  printf("3 panics\n");
  return 0;
}
