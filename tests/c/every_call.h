/* Every function of ocelli.h: a right call, and wrong ones for every parameter. Written from the header by
 * ffi/tests/header/abuse.rs; see there. Included by abuse.c, which explains the names. */

static int32_t right_ocelli_abi_version(void) { (void)ocelli_abi_version(); return OCELLI_OK; }

static int32_t right_ocelli_version(void) { (void)ocelli_version(); return OCELLI_OK; }

static int32_t right_ocelli_features(void) { (void)ocelli_features(); return OCELLI_OK; }

static int32_t right_ocelli_status_name(void) { (void)ocelli_status_name(3); return OCELLI_OK; }

static int32_t right_ocelli_last_error_code(void) { (void)ocelli_last_error_code(); return OCELLI_OK; }

static int32_t right_ocelli_last_error(void) { return ocelli_last_error(W.buffer, sizeof W.buffer, &W.needed); }

static void wrong_ocelli_last_error(void) {
  expect("ocelli_last_error: buffer is NULL", ocelli_last_error(NULL, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_last_error: buffer is NULL without room", ocelli_last_error(NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_last_error: capacity is of no size an object has", ocelli_last_error(W.buffer, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_last_error: capacity is small", ocelli_last_error(W.buffer, 1, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_last_error: needed is NULL", ocelli_last_error(W.buffer, sizeof W.buffer, NULL), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_handle_error(void) { return ocelli_handle_error(W.session, &W.number, W.buffer, sizeof W.buffer, &W.needed); }

static void wrong_ocelli_handle_error(void) {
  expect("ocelli_handle_error: handle is NULL", ocelli_handle_error(NULL, &W.number, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_handle_error: handle is closed", ocelli_handle_error((const void *)(void *)W.closed_model, &W.number, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_handle_error: handle is closed", ocelli_handle_error((const void *)(void *)W.closed_session, &W.number, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_handle_error: handle is closed", ocelli_handle_error((const void *)(void *)W.closed_image, &W.number, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_handle_error: handle is made up", ocelli_handle_error((const void *)(void *)&W, &W.number, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_handle_error: handle is made up", ocelli_handle_error((const void *)(void *)W.buffer, &W.number, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_handle_error: handle is made up", ocelli_handle_error((const void *)(void *)(void *)(uintptr_t)1, &W.number, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_handle_error: handle is made up", ocelli_handle_error((const void *)(void *)(void *)(uintptr_t)-1, &W.number, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_handle_error: handle is made up", ocelli_handle_error((const void *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), &W.number, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_handle_error: status is NULL", ocelli_handle_error(W.session, NULL, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_handle_error: buffer is NULL", ocelli_handle_error(W.session, &W.number, NULL, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_handle_error: buffer is NULL without room", ocelli_handle_error(W.session, &W.number, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_handle_error: capacity is of no size an object has", ocelli_handle_error(W.session, &W.number, W.buffer, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_handle_error: capacity is small", ocelli_handle_error(W.session, &W.number, W.buffer, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_handle_error: needed is NULL", ocelli_handle_error(W.session, &W.number, W.buffer, sizeof W.buffer, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_check_model(void) { return ocelli_check_model(W.path); }

static void wrong_ocelli_check_model(void) {
  expect("ocelli_check_model: path is NULL", ocelli_check_model(NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_check_model: path is no UTF-8", ocelli_check_model("\xff"), BIT(OCELLI_ERR_INVALID_UTF8));
  expect("ocelli_check_model: path is empty", ocelli_check_model(""), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_check_model: path is long", ocelli_check_model(W.long_text), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_model_open(void) { return ocelli_model_open(W.path, NULL, &W.out_model); }

static void wrong_ocelli_model_open(void) {
  expect("ocelli_model_open: path is NULL", ocelli_model_open(NULL, NULL, &W.out_model), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_model_open: path is no UTF-8", ocelli_model_open("\xff", NULL, &W.out_model), BIT(OCELLI_ERR_INVALID_UTF8));
  expect("ocelli_model_open: path is empty", ocelli_model_open("", NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open: path is long", ocelli_model_open(W.long_text, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  { struct { ocelli_model_options s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  expect("ocelli_model_open: options is NULL", ocelli_model_open(W.path, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = 0;
  expect("ocelli_model_open: options is of a wrong size", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  expect("ocelli_model_open: options is of a wrong size", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  expect("ocelli_model_open: options is of a wrong size", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  expect("ocelli_model_open: options is of a wrong size", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  expect("ocelli_model_open: options is of a wrong size", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  expect("ocelli_model_open: options is of the oldest size", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  expect("ocelli_model_open: options is of a future size", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  expect("ocelli_model_open: options is of a future with something in it", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_UNSUPPORTED));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.flags, 0xff, sizeof o.s.flags);
  expect("ocelli_model_open: options is extreme in flags", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.flags, 0x7f, sizeof o.s.flags);
  expect("ocelli_model_open: options is extreme in flags", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.flags, 0x01, sizeof o.s.flags);
  expect("ocelli_model_open: options is extreme in flags", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.threads, 0xff, sizeof o.s.threads);
  expect("ocelli_model_open: options is extreme in threads", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.threads, 0x7f, sizeof o.s.threads);
  expect("ocelli_model_open: options is extreme in threads", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.threads, 0x01, sizeof o.s.threads);
  expect("ocelli_model_open: options is extreme in threads", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.gpu_layers, 0xff, sizeof o.s.gpu_layers);
  expect("ocelli_model_open: options is extreme in gpu_layers", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.gpu_layers, 0x7f, sizeof o.s.gpu_layers);
  expect("ocelli_model_open: options is extreme in gpu_layers", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.gpu_layers, 0x01, sizeof o.s.gpu_layers);
  expect("ocelli_model_open: options is extreme in gpu_layers", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpus, 0xff, sizeof o.s.cpus);
  expect("ocelli_model_open: options is extreme in cpus", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpus, 0x7f, sizeof o.s.cpus);
  expect("ocelli_model_open: options is extreme in cpus", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpus, 0x01, sizeof o.s.cpus);
  expect("ocelli_model_open: options is extreme in cpus", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpu_set_words, 0xff, sizeof o.s.cpu_set_words);
  expect("ocelli_model_open: options is extreme in cpu_set_words", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpu_set_words, 0x7f, sizeof o.s.cpu_set_words);
  expect("ocelli_model_open: options is extreme in cpu_set_words", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpu_set_words, 0x01, sizeof o.s.cpu_set_words);
  expect("ocelli_model_open: options is extreme in cpu_set_words", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.reserved, 0xff, sizeof o.s.reserved);
  expect("ocelli_model_open: options is extreme in reserved", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.reserved, 0x7f, sizeof o.s.reserved);
  expect("ocelli_model_open: options is extreme in reserved", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.reserved, 0x01, sizeof o.s.reserved);
  expect("ocelli_model_open: options is extreme in reserved", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_max_rows, 0xff, sizeof o.s.image_max_rows);
  expect("ocelli_model_open: options is extreme in image_max_rows", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_max_rows, 0x7f, sizeof o.s.image_max_rows);
  expect("ocelli_model_open: options is extreme in image_max_rows", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_max_rows, 0x01, sizeof o.s.image_max_rows);
  expect("ocelli_model_open: options is extreme in image_max_rows", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.more_reserved, 0xff, sizeof o.s.more_reserved);
  expect("ocelli_model_open: options is extreme in more_reserved", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.more_reserved, 0x7f, sizeof o.s.more_reserved);
  expect("ocelli_model_open: options is extreme in more_reserved", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.more_reserved, 0x01, sizeof o.s.more_reserved);
  expect("ocelli_model_open: options is extreme in more_reserved", ocelli_model_open(W.path, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  }
  expect("ocelli_model_open: out is NULL", ocelli_model_open(W.path, NULL, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_model_open_memory(void) { return ocelli_model_open_memory(W.file, W.file_size, NULL, &W.out_model); }

static void wrong_ocelli_model_open_memory(void) {
  expect("ocelli_model_open_memory: bytes is NULL", ocelli_model_open_memory(NULL, 5, NULL, &W.out_model), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_model_open_memory: bytes is NULL and empty", ocelli_model_open_memory(NULL, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_memory: size is of no size an object has", ocelli_model_open_memory(W.file, SIZE_MAX, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_model_open_memory: size is of a negative size", ocelli_model_open_memory(W.file, (size_t)-2, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_model_open_memory: size is empty", ocelli_model_open_memory(W.file, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  { struct { ocelli_model_options s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  expect("ocelli_model_open_memory: options is NULL", ocelli_model_open_memory(W.file, W.file_size, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = 0;
  expect("ocelli_model_open_memory: options is of a wrong size", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  expect("ocelli_model_open_memory: options is of a wrong size", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  expect("ocelli_model_open_memory: options is of a wrong size", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  expect("ocelli_model_open_memory: options is of a wrong size", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  expect("ocelli_model_open_memory: options is of a wrong size", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  expect("ocelli_model_open_memory: options is of the oldest size", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  expect("ocelli_model_open_memory: options is of a future size", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  expect("ocelli_model_open_memory: options is of a future with something in it", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_UNSUPPORTED));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.flags, 0xff, sizeof o.s.flags);
  expect("ocelli_model_open_memory: options is extreme in flags", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.flags, 0x7f, sizeof o.s.flags);
  expect("ocelli_model_open_memory: options is extreme in flags", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.flags, 0x01, sizeof o.s.flags);
  expect("ocelli_model_open_memory: options is extreme in flags", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.threads, 0xff, sizeof o.s.threads);
  expect("ocelli_model_open_memory: options is extreme in threads", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.threads, 0x7f, sizeof o.s.threads);
  expect("ocelli_model_open_memory: options is extreme in threads", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.threads, 0x01, sizeof o.s.threads);
  expect("ocelli_model_open_memory: options is extreme in threads", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.gpu_layers, 0xff, sizeof o.s.gpu_layers);
  expect("ocelli_model_open_memory: options is extreme in gpu_layers", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.gpu_layers, 0x7f, sizeof o.s.gpu_layers);
  expect("ocelli_model_open_memory: options is extreme in gpu_layers", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.gpu_layers, 0x01, sizeof o.s.gpu_layers);
  expect("ocelli_model_open_memory: options is extreme in gpu_layers", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpus, 0xff, sizeof o.s.cpus);
  expect("ocelli_model_open_memory: options is extreme in cpus", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpus, 0x7f, sizeof o.s.cpus);
  expect("ocelli_model_open_memory: options is extreme in cpus", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpus, 0x01, sizeof o.s.cpus);
  expect("ocelli_model_open_memory: options is extreme in cpus", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpu_set_words, 0xff, sizeof o.s.cpu_set_words);
  expect("ocelli_model_open_memory: options is extreme in cpu_set_words", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpu_set_words, 0x7f, sizeof o.s.cpu_set_words);
  expect("ocelli_model_open_memory: options is extreme in cpu_set_words", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpu_set_words, 0x01, sizeof o.s.cpu_set_words);
  expect("ocelli_model_open_memory: options is extreme in cpu_set_words", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.reserved, 0xff, sizeof o.s.reserved);
  expect("ocelli_model_open_memory: options is extreme in reserved", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.reserved, 0x7f, sizeof o.s.reserved);
  expect("ocelli_model_open_memory: options is extreme in reserved", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.reserved, 0x01, sizeof o.s.reserved);
  expect("ocelli_model_open_memory: options is extreme in reserved", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_max_rows, 0xff, sizeof o.s.image_max_rows);
  expect("ocelli_model_open_memory: options is extreme in image_max_rows", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_max_rows, 0x7f, sizeof o.s.image_max_rows);
  expect("ocelli_model_open_memory: options is extreme in image_max_rows", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_max_rows, 0x01, sizeof o.s.image_max_rows);
  expect("ocelli_model_open_memory: options is extreme in image_max_rows", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.more_reserved, 0xff, sizeof o.s.more_reserved);
  expect("ocelli_model_open_memory: options is extreme in more_reserved", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.more_reserved, 0x7f, sizeof o.s.more_reserved);
  expect("ocelli_model_open_memory: options is extreme in more_reserved", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.more_reserved, 0x01, sizeof o.s.more_reserved);
  expect("ocelli_model_open_memory: options is extreme in more_reserved", ocelli_model_open_memory(W.file, W.file_size, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  }
  expect("ocelli_model_open_memory: out is NULL", ocelli_model_open_memory(W.file, W.file_size, NULL, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_model_open_fd(void) { return ocelli_model_open_fd(W.fd, 0, 0, NULL, &W.out_model); }

static void wrong_ocelli_model_open_fd(void) {
  expect("ocelli_model_open_fd: fd is 0", ocelli_model_open_fd(0, 0, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: fd is -1", ocelli_model_open_fd(-1, 0, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: fd is INT32_MIN", ocelli_model_open_fd(INT32_MIN, 0, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: fd is INT32_MAX", ocelli_model_open_fd(INT32_MAX, 0, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: offset is 0", ocelli_model_open_fd(W.fd, 0, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: offset is 1", ocelli_model_open_fd(W.fd, 1, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: offset is SIZE_MAX", ocelli_model_open_fd(W.fd, SIZE_MAX, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: offset is SIZE_MAX / 2", ocelli_model_open_fd(W.fd, SIZE_MAX / 2, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: length is 0", ocelli_model_open_fd(W.fd, 0, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: length is 1", ocelli_model_open_fd(W.fd, 0, 1, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: length is SIZE_MAX", ocelli_model_open_fd(W.fd, 0, SIZE_MAX, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_open_fd: length is SIZE_MAX / 2", ocelli_model_open_fd(W.fd, 0, SIZE_MAX / 2, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  { struct { ocelli_model_options s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  expect("ocelli_model_open_fd: options is NULL", ocelli_model_open_fd(W.fd, 0, 0, NULL, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = 0;
  expect("ocelli_model_open_fd: options is of a wrong size", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  expect("ocelli_model_open_fd: options is of a wrong size", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  expect("ocelli_model_open_fd: options is of a wrong size", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  expect("ocelli_model_open_fd: options is of a wrong size", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  expect("ocelli_model_open_fd: options is of a wrong size", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  expect("ocelli_model_open_fd: options is of the oldest size", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  expect("ocelli_model_open_fd: options is of a future size", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  expect("ocelli_model_open_fd: options is of a future with something in it", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_UNSUPPORTED));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.flags, 0xff, sizeof o.s.flags);
  expect("ocelli_model_open_fd: options is extreme in flags", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.flags, 0x7f, sizeof o.s.flags);
  expect("ocelli_model_open_fd: options is extreme in flags", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.flags, 0x01, sizeof o.s.flags);
  expect("ocelli_model_open_fd: options is extreme in flags", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.threads, 0xff, sizeof o.s.threads);
  expect("ocelli_model_open_fd: options is extreme in threads", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.threads, 0x7f, sizeof o.s.threads);
  expect("ocelli_model_open_fd: options is extreme in threads", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.threads, 0x01, sizeof o.s.threads);
  expect("ocelli_model_open_fd: options is extreme in threads", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.gpu_layers, 0xff, sizeof o.s.gpu_layers);
  expect("ocelli_model_open_fd: options is extreme in gpu_layers", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.gpu_layers, 0x7f, sizeof o.s.gpu_layers);
  expect("ocelli_model_open_fd: options is extreme in gpu_layers", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.gpu_layers, 0x01, sizeof o.s.gpu_layers);
  expect("ocelli_model_open_fd: options is extreme in gpu_layers", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpus, 0xff, sizeof o.s.cpus);
  expect("ocelli_model_open_fd: options is extreme in cpus", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpus, 0x7f, sizeof o.s.cpus);
  expect("ocelli_model_open_fd: options is extreme in cpus", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpus, 0x01, sizeof o.s.cpus);
  expect("ocelli_model_open_fd: options is extreme in cpus", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpu_set_words, 0xff, sizeof o.s.cpu_set_words);
  expect("ocelli_model_open_fd: options is extreme in cpu_set_words", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpu_set_words, 0x7f, sizeof o.s.cpu_set_words);
  expect("ocelli_model_open_fd: options is extreme in cpu_set_words", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cpu_set_words, 0x01, sizeof o.s.cpu_set_words);
  expect("ocelli_model_open_fd: options is extreme in cpu_set_words", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.reserved, 0xff, sizeof o.s.reserved);
  expect("ocelli_model_open_fd: options is extreme in reserved", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.reserved, 0x7f, sizeof o.s.reserved);
  expect("ocelli_model_open_fd: options is extreme in reserved", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.reserved, 0x01, sizeof o.s.reserved);
  expect("ocelli_model_open_fd: options is extreme in reserved", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_max_rows, 0xff, sizeof o.s.image_max_rows);
  expect("ocelli_model_open_fd: options is extreme in image_max_rows", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_max_rows, 0x7f, sizeof o.s.image_max_rows);
  expect("ocelli_model_open_fd: options is extreme in image_max_rows", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_max_rows, 0x01, sizeof o.s.image_max_rows);
  expect("ocelli_model_open_fd: options is extreme in image_max_rows", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.more_reserved, 0xff, sizeof o.s.more_reserved);
  expect("ocelli_model_open_fd: options is extreme in more_reserved", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.more_reserved, 0x7f, sizeof o.s.more_reserved);
  expect("ocelli_model_open_fd: options is extreme in more_reserved", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.more_reserved, 0x01, sizeof o.s.more_reserved);
  expect("ocelli_model_open_fd: options is extreme in more_reserved", ocelli_model_open_fd(W.fd, 0, 0, &o.s, &W.out_model), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  }
  expect("ocelli_model_open_fd: out is NULL", ocelli_model_open_fd(W.fd, 0, 0, NULL, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_model_close(void) { return ocelli_model_close(fresh_model()); }

static void wrong_ocelli_model_close(void) {
  expect("ocelli_model_close: model is NULL", ocelli_model_close(NULL), BIT(OCELLI_OK));
  expect("ocelli_model_close: model is closed", ocelli_model_close((ocelli_model *)(void *)W.closed_model), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_close: model is closed", ocelli_model_close((ocelli_model *)(void *)W.closed_session), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_close: model is of another kind", ocelli_model_close((ocelli_model *)(void *)W.session), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_close: model is closed", ocelli_model_close((ocelli_model *)(void *)W.closed_image), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_close: model is of another kind", ocelli_model_close((ocelli_model *)(void *)W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_close: model is made up", ocelli_model_close((ocelli_model *)(void *)&W), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_close: model is made up", ocelli_model_close((ocelli_model *)(void *)W.buffer), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_close: model is made up", ocelli_model_close((ocelli_model *)(void *)(void *)(uintptr_t)1), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_close: model is made up", ocelli_model_close((ocelli_model *)(void *)(void *)(uintptr_t)-1), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_close: model is made up", ocelli_model_close((ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000)), BIT(OCELLI_ERR_BAD_HANDLE));
}

static int32_t right_ocelli_model_get_info(void) { return ocelli_model_get_info(W.model, &W.info); }

static void wrong_ocelli_model_get_info(void) {
  expect("ocelli_model_get_info: model is NULL", ocelli_model_get_info(NULL, &W.info), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_model_get_info: model is closed", ocelli_model_get_info((const ocelli_model *)(void *)W.closed_model, &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_get_info: model is closed", ocelli_model_get_info((const ocelli_model *)(void *)W.closed_session, &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_get_info: model is of another kind", ocelli_model_get_info((const ocelli_model *)(void *)W.session, &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_get_info: model is closed", ocelli_model_get_info((const ocelli_model *)(void *)W.closed_image, &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_get_info: model is of another kind", ocelli_model_get_info((const ocelli_model *)(void *)W.image, &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_get_info: model is made up", ocelli_model_get_info((const ocelli_model *)(void *)&W, &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_get_info: model is made up", ocelli_model_get_info((const ocelli_model *)(void *)W.buffer, &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_get_info: model is made up", ocelli_model_get_info((const ocelli_model *)(void *)(void *)(uintptr_t)1, &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_get_info: model is made up", ocelli_model_get_info((const ocelli_model *)(void *)(void *)(uintptr_t)-1, &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_get_info: model is made up", ocelli_model_get_info((const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), &W.info), BIT(OCELLI_ERR_BAD_HANDLE));
  { struct { ocelli_model_info s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  expect("ocelli_model_get_info: info is NULL", ocelli_model_get_info(W.model, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
  o.s.struct_size = 0;
  expect("ocelli_model_get_info: info is of a wrong size", ocelli_model_get_info(W.model, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  expect("ocelli_model_get_info: info is of a wrong size", ocelli_model_get_info(W.model, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  expect("ocelli_model_get_info: info is of a wrong size", ocelli_model_get_info(W.model, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  expect("ocelli_model_get_info: info is of a wrong size", ocelli_model_get_info(W.model, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  expect("ocelli_model_get_info: info is of a wrong size", ocelli_model_get_info(W.model, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  expect("ocelli_model_get_info: info is of the oldest size", ocelli_model_get_info(W.model, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  expect("ocelli_model_get_info: info is of a future size", ocelli_model_get_info(W.model, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  expect("ocelli_model_get_info: info is of a future with something in it", ocelli_model_get_info(W.model, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect_true("ocelli_model_get_info: the future is zero", o.tail[63] == 0);
  }
}

static int32_t right_ocelli_model_meta(void) { return ocelli_model_meta(W.model, "general.architecture", W.buffer, sizeof W.buffer, &W.needed); }

static void wrong_ocelli_model_meta(void) {
  expect("ocelli_model_meta: model is NULL", ocelli_model_meta(NULL, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_model_meta: model is closed", ocelli_model_meta((const ocelli_model *)(void *)W.closed_model, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: model is closed", ocelli_model_meta((const ocelli_model *)(void *)W.closed_session, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: model is of another kind", ocelli_model_meta((const ocelli_model *)(void *)W.session, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: model is closed", ocelli_model_meta((const ocelli_model *)(void *)W.closed_image, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: model is of another kind", ocelli_model_meta((const ocelli_model *)(void *)W.image, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: model is made up", ocelli_model_meta((const ocelli_model *)(void *)&W, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: model is made up", ocelli_model_meta((const ocelli_model *)(void *)W.buffer, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: model is made up", ocelli_model_meta((const ocelli_model *)(void *)(void *)(uintptr_t)1, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: model is made up", ocelli_model_meta((const ocelli_model *)(void *)(void *)(uintptr_t)-1, "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: model is made up", ocelli_model_meta((const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), "general.architecture", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_meta: key is NULL", ocelli_model_meta(W.model, NULL, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_model_meta: key is no UTF-8", ocelli_model_meta(W.model, "\xff", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_INVALID_UTF8));
  expect("ocelli_model_meta: key is empty", ocelli_model_meta(W.model, "", W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_meta: key is long", ocelli_model_meta(W.model, W.long_text, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_meta: buffer is NULL", ocelli_model_meta(W.model, "general.architecture", NULL, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_model_meta: buffer is NULL without room", ocelli_model_meta(W.model, "general.architecture", NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_meta: capacity is of no size an object has", ocelli_model_meta(W.model, "general.architecture", W.buffer, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_model_meta: capacity is small", ocelli_model_meta(W.model, "general.architecture", W.buffer, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_model_meta: needed is NULL", ocelli_model_meta(W.model, "general.architecture", W.buffer, sizeof W.buffer, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_model_key(void) { return ocelli_model_key(W.model, 0, W.buffer, sizeof W.buffer, &W.needed); }

static void wrong_ocelli_model_key(void) {
  expect("ocelli_model_key: model is NULL", ocelli_model_key(NULL, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_model_key: model is closed", ocelli_model_key((const ocelli_model *)(void *)W.closed_model, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: model is closed", ocelli_model_key((const ocelli_model *)(void *)W.closed_session, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: model is of another kind", ocelli_model_key((const ocelli_model *)(void *)W.session, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: model is closed", ocelli_model_key((const ocelli_model *)(void *)W.closed_image, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: model is of another kind", ocelli_model_key((const ocelli_model *)(void *)W.image, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: model is made up", ocelli_model_key((const ocelli_model *)(void *)&W, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: model is made up", ocelli_model_key((const ocelli_model *)(void *)W.buffer, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: model is made up", ocelli_model_key((const ocelli_model *)(void *)(void *)(uintptr_t)1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: model is made up", ocelli_model_key((const ocelli_model *)(void *)(void *)(uintptr_t)-1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: model is made up", ocelli_model_key((const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_model_key: index is 0", ocelli_model_key(W.model, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_model_key: index is 1", ocelli_model_key(W.model, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_model_key: index is SIZE_MAX", ocelli_model_key(W.model, SIZE_MAX, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_model_key: index is SIZE_MAX / 2", ocelli_model_key(W.model, SIZE_MAX / 2, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_model_key: buffer is NULL", ocelli_model_key(W.model, 0, NULL, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_model_key: buffer is NULL without room", ocelli_model_key(W.model, 0, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_model_key: capacity is of no size an object has", ocelli_model_key(W.model, 0, W.buffer, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_model_key: capacity is small", ocelli_model_key(W.model, 0, W.buffer, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_model_key: needed is NULL", ocelli_model_key(W.model, 0, W.buffer, sizeof W.buffer, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_plan(void) { return ocelli_plan(NULL, W.model, NULL, &W.memory); }

static void wrong_ocelli_plan(void) {
  expect("ocelli_plan: path is NULL", ocelli_plan(NULL, W.model, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_plan: path is no UTF-8", ocelli_plan("\xff", W.model, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_plan: path is empty", ocelli_plan("", W.model, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_plan: path is long", ocelli_plan(W.long_text, W.model, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_plan: model is NULL", ocelli_plan(NULL, NULL, NULL, &W.memory), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_plan: model is closed", ocelli_plan(NULL, (const ocelli_model *)(void *)W.closed_model, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_plan: model is closed", ocelli_plan(NULL, (const ocelli_model *)(void *)W.closed_session, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_plan: model is of another kind", ocelli_plan(NULL, (const ocelli_model *)(void *)W.session, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_plan: model is closed", ocelli_plan(NULL, (const ocelli_model *)(void *)W.closed_image, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_plan: model is of another kind", ocelli_plan(NULL, (const ocelli_model *)(void *)W.image, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_plan: model is made up", ocelli_plan(NULL, (const ocelli_model *)(void *)&W, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_plan: model is made up", ocelli_plan(NULL, (const ocelli_model *)(void *)W.buffer, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_plan: model is made up", ocelli_plan(NULL, (const ocelli_model *)(void *)(void *)(uintptr_t)1, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_plan: model is made up", ocelli_plan(NULL, (const ocelli_model *)(void *)(void *)(uintptr_t)-1, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_plan: model is made up", ocelli_plan(NULL, (const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE));
  { struct { ocelli_session_options s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  expect("ocelli_plan: options is NULL", ocelli_plan(NULL, W.model, NULL, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = 0;
  expect("ocelli_plan: options is of a wrong size", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  expect("ocelli_plan: options is of a wrong size", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  expect("ocelli_plan: options is of a wrong size", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  expect("ocelli_plan: options is of a wrong size", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  expect("ocelli_plan: options is of a wrong size", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  expect("ocelli_plan: options is of the oldest size", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  expect("ocelli_plan: options is of a future size", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  expect("ocelli_plan: options is of a future with something in it", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_UNSUPPORTED));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.context, 0xff, sizeof o.s.context);
  expect("ocelli_plan: options is extreme in context", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.context, 0x7f, sizeof o.s.context);
  expect("ocelli_plan: options is extreme in context", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.context, 0x01, sizeof o.s.context);
  expect("ocelli_plan: options is extreme in context", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0xff, sizeof o.s.beams);
  expect("ocelli_plan: options is extreme in beams", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0x7f, sizeof o.s.beams);
  expect("ocelli_plan: options is extreme in beams", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0x01, sizeof o.s.beams);
  expect("ocelli_plan: options is extreme in beams", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.new_tokens, 0xff, sizeof o.s.new_tokens);
  expect("ocelli_plan: options is extreme in new_tokens", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.new_tokens, 0x7f, sizeof o.s.new_tokens);
  expect("ocelli_plan: options is extreme in new_tokens", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.new_tokens, 0x01, sizeof o.s.new_tokens);
  expect("ocelli_plan: options is extreme in new_tokens", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.batch, 0xff, sizeof o.s.batch);
  expect("ocelli_plan: options is extreme in batch", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.batch, 0x7f, sizeof o.s.batch);
  expect("ocelli_plan: options is extreme in batch", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.batch, 0x01, sizeof o.s.batch);
  expect("ocelli_plan: options is extreme in batch", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cache, 0xff, sizeof o.s.cache);
  expect("ocelli_plan: options is extreme in cache", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cache, 0x7f, sizeof o.s.cache);
  expect("ocelli_plan: options is extreme in cache", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cache, 0x01, sizeof o.s.cache);
  expect("ocelli_plan: options is extreme in cache", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.complete, 0xff, sizeof o.s.complete);
  expect("ocelli_plan: options is extreme in complete", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.complete, 0x7f, sizeof o.s.complete);
  expect("ocelli_plan: options is extreme in complete", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.complete, 0x01, sizeof o.s.complete);
  expect("ocelli_plan: options is extreme in complete", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.images, 0xff, sizeof o.s.images);
  expect("ocelli_plan: options is extreme in images", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.images, 0x7f, sizeof o.s.images);
  expect("ocelli_plan: options is extreme in images", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.images, 0x01, sizeof o.s.images);
  expect("ocelli_plan: options is extreme in images", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_cache, 0xff, sizeof o.s.image_cache);
  expect("ocelli_plan: options is extreme in image_cache", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_cache, 0x7f, sizeof o.s.image_cache);
  expect("ocelli_plan: options is extreme in image_cache", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_cache, 0x01, sizeof o.s.image_cache);
  expect("ocelli_plan: options is extreme in image_cache", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.budget, 0xff, sizeof o.s.budget);
  expect("ocelli_plan: options is extreme in budget", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.budget, 0x7f, sizeof o.s.budget);
  expect("ocelli_plan: options is extreme in budget", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.budget, 0x01, sizeof o.s.budget);
  expect("ocelli_plan: options is extreme in budget", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.frames, 0xff, sizeof o.s.frames);
  expect("ocelli_plan: options is extreme in frames", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.frames, 0x7f, sizeof o.s.frames);
  expect("ocelli_plan: options is extreme in frames", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.frames, 0x01, sizeof o.s.frames);
  expect("ocelli_plan: options is extreme in frames", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.parallel, 0xff, sizeof o.s.parallel);
  expect("ocelli_plan: options is extreme in parallel", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.parallel, 0x7f, sizeof o.s.parallel);
  expect("ocelli_plan: options is extreme in parallel", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.parallel, 0x01, sizeof o.s.parallel);
  expect("ocelli_plan: options is extreme in parallel", ocelli_plan(NULL, W.model, &o.s, &W.memory), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  }
  { struct { ocelli_memory s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  expect("ocelli_plan: memory is NULL", ocelli_plan(NULL, W.model, NULL, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
  o.s.struct_size = 0;
  expect("ocelli_plan: memory is of a wrong size", ocelli_plan(NULL, W.model, NULL, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  expect("ocelli_plan: memory is of a wrong size", ocelli_plan(NULL, W.model, NULL, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  expect("ocelli_plan: memory is of a wrong size", ocelli_plan(NULL, W.model, NULL, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  expect("ocelli_plan: memory is of a wrong size", ocelli_plan(NULL, W.model, NULL, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  expect("ocelli_plan: memory is of a wrong size", ocelli_plan(NULL, W.model, NULL, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  expect("ocelli_plan: memory is of the oldest size", ocelli_plan(NULL, W.model, NULL, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  expect("ocelli_plan: memory is of a future size", ocelli_plan(NULL, W.model, NULL, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  expect("ocelli_plan: memory is of a future with something in it", ocelli_plan(NULL, W.model, NULL, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect_true("ocelli_plan: the future is zero", o.tail[63] == 0);
  }
}

static int32_t right_ocelli_tokenize(void) { return ocelli_tokenize(W.model, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed); }

static void wrong_ocelli_tokenize(void) {
  expect("ocelli_tokenize: model is NULL", ocelli_tokenize(NULL, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_tokenize: model is closed", ocelli_tokenize((const ocelli_model *)(void *)W.closed_model, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: model is closed", ocelli_tokenize((const ocelli_model *)(void *)W.closed_session, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: model is of another kind", ocelli_tokenize((const ocelli_model *)(void *)W.session, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: model is closed", ocelli_tokenize((const ocelli_model *)(void *)W.closed_image, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: model is of another kind", ocelli_tokenize((const ocelli_model *)(void *)W.image, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: model is made up", ocelli_tokenize((const ocelli_model *)(void *)&W, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: model is made up", ocelli_tokenize((const ocelli_model *)(void *)W.buffer, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: model is made up", ocelli_tokenize((const ocelli_model *)(void *)(void *)(uintptr_t)1, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: model is made up", ocelli_tokenize((const ocelli_model *)(void *)(void *)(uintptr_t)-1, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: model is made up", ocelli_tokenize((const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_tokenize: text is NULL", ocelli_tokenize(W.model, NULL, 5, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_tokenize: text is NULL and empty", ocelli_tokenize(W.model, NULL, 0, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_tokenize: size is of no size an object has", ocelli_tokenize(W.model, W.text, SIZE_MAX, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_tokenize: size is of a negative size", ocelli_tokenize(W.model, W.text, (size_t)-2, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_tokenize: size is empty", ocelli_tokenize(W.model, W.text, 0, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_tokenize: text is no UTF-8", ocelli_tokenize(W.model, "\xff\xfe", 2, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_INVALID_UTF8));
  expect("ocelli_tokenize: text is cut", ocelli_tokenize(W.model, "\xe2\x82", 2, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_INVALID_UTF8));
  expect("ocelli_tokenize: text is a NUL", ocelli_tokenize(W.model, "\0", 1, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_tokenize: flags is 0", ocelli_tokenize(W.model, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_tokenize: flags is 1", ocelli_tokenize(W.model, W.text, W.text_size, 1, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_tokenize: flags is UINT32_MAX", ocelli_tokenize(W.model, W.text, W.text_size, UINT32_MAX, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_tokenize: flags is 0x7fffffff", ocelli_tokenize(W.model, W.text, W.text_size, 0x7fffffff, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_tokenize: tokens is NULL", ocelli_tokenize(W.model, W.text, W.text_size, 0, NULL, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_tokenize: tokens is NULL without room", ocelli_tokenize(W.model, W.text, W.text_size, 0, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_tokenize: capacity is of no size an object has", ocelli_tokenize(W.model, W.text, W.text_size, 0, W.out_ids, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_tokenize: capacity is small", ocelli_tokenize(W.model, W.text, W.text_size, 0, W.out_ids, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_tokenize: tokens is at an odd address", ocelli_tokenize(W.model, W.text, W.text_size, 0, (uint32_t *)(void *)(W.buffer + 1), 9, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_tokenize: count is NULL", ocelli_tokenize(W.model, W.text, W.text_size, 0, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_detokenize(void) { return ocelli_detokenize(W.model, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed); }

static void wrong_ocelli_detokenize(void) {
  expect("ocelli_detokenize: model is NULL", ocelli_detokenize(NULL, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_detokenize: model is closed", ocelli_detokenize((const ocelli_model *)(void *)W.closed_model, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: model is closed", ocelli_detokenize((const ocelli_model *)(void *)W.closed_session, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: model is of another kind", ocelli_detokenize((const ocelli_model *)(void *)W.session, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: model is closed", ocelli_detokenize((const ocelli_model *)(void *)W.closed_image, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: model is of another kind", ocelli_detokenize((const ocelli_model *)(void *)W.image, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: model is made up", ocelli_detokenize((const ocelli_model *)(void *)&W, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: model is made up", ocelli_detokenize((const ocelli_model *)(void *)W.buffer, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: model is made up", ocelli_detokenize((const ocelli_model *)(void *)(void *)(uintptr_t)1, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: model is made up", ocelli_detokenize((const ocelli_model *)(void *)(void *)(uintptr_t)-1, W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: model is made up", ocelli_detokenize((const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.ids, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize: tokens is NULL", ocelli_detokenize(W.model, NULL, 5, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_detokenize: tokens is NULL and empty", ocelli_detokenize(W.model, NULL, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_detokenize: count is of no size an object has", ocelli_detokenize(W.model, W.ids, SIZE_MAX, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_detokenize: count is of a negative size", ocelli_detokenize(W.model, W.ids, (size_t)-2, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_detokenize: count is empty", ocelli_detokenize(W.model, W.ids, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_detokenize: tokens is at an odd address", ocelli_detokenize(W.model, (const uint32_t *)(const void *)(W.buffer + 1), 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_detokenize: buffer is NULL", ocelli_detokenize(W.model, W.ids, 1, NULL, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_detokenize: buffer is NULL without room", ocelli_detokenize(W.model, W.ids, 1, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_detokenize: capacity is of no size an object has", ocelli_detokenize(W.model, W.ids, 1, W.buffer, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_detokenize: capacity is small", ocelli_detokenize(W.model, W.ids, 1, W.buffer, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_detokenize: needed is NULL", ocelli_detokenize(W.model, W.ids, 1, W.buffer, sizeof W.buffer, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_detokenize_with(void) { return ocelli_detokenize_with(W.model, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed); }

static void wrong_ocelli_detokenize_with(void) {
  expect("ocelli_detokenize_with: model is NULL", ocelli_detokenize_with(NULL, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_detokenize_with: model is closed", ocelli_detokenize_with((const ocelli_model *)(void *)W.closed_model, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: model is closed", ocelli_detokenize_with((const ocelli_model *)(void *)W.closed_session, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: model is of another kind", ocelli_detokenize_with((const ocelli_model *)(void *)W.session, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: model is closed", ocelli_detokenize_with((const ocelli_model *)(void *)W.closed_image, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: model is of another kind", ocelli_detokenize_with((const ocelli_model *)(void *)W.image, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: model is made up", ocelli_detokenize_with((const ocelli_model *)(void *)&W, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: model is made up", ocelli_detokenize_with((const ocelli_model *)(void *)W.buffer, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: model is made up", ocelli_detokenize_with((const ocelli_model *)(void *)(void *)(uintptr_t)1, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: model is made up", ocelli_detokenize_with((const ocelli_model *)(void *)(void *)(uintptr_t)-1, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: model is made up", ocelli_detokenize_with((const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_detokenize_with: tokens is NULL", ocelli_detokenize_with(W.model, NULL, 5, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_detokenize_with: tokens is NULL and empty", ocelli_detokenize_with(W.model, NULL, 0, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_detokenize_with: count is of no size an object has", ocelli_detokenize_with(W.model, W.ids, SIZE_MAX, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_detokenize_with: count is of a negative size", ocelli_detokenize_with(W.model, W.ids, (size_t)-2, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_detokenize_with: count is empty", ocelli_detokenize_with(W.model, W.ids, 0, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_detokenize_with: tokens is at an odd address", ocelli_detokenize_with(W.model, (const uint32_t *)(const void *)(W.buffer + 1), 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_detokenize_with: flags is 0", ocelli_detokenize_with(W.model, W.ids, 1, 0, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_detokenize_with: flags is 1", ocelli_detokenize_with(W.model, W.ids, 1, 1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_detokenize_with: flags is UINT32_MAX", ocelli_detokenize_with(W.model, W.ids, 1, UINT32_MAX, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_detokenize_with: flags is 0x7fffffff", ocelli_detokenize_with(W.model, W.ids, 1, 0x7fffffff, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_detokenize_with: buffer is NULL", ocelli_detokenize_with(W.model, W.ids, 1, 0, NULL, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_detokenize_with: buffer is NULL without room", ocelli_detokenize_with(W.model, W.ids, 1, 0, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_detokenize_with: capacity is of no size an object has", ocelli_detokenize_with(W.model, W.ids, 1, 0, W.buffer, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_detokenize_with: capacity is small", ocelli_detokenize_with(W.model, W.ids, 1, 0, W.buffer, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_detokenize_with: needed is NULL", ocelli_detokenize_with(W.model, W.ids, 1, 0, W.buffer, sizeof W.buffer, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_token_piece(void) { return ocelli_token_piece(W.model, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed); }

static void wrong_ocelli_token_piece(void) {
  expect("ocelli_token_piece: model is NULL", ocelli_token_piece(NULL, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_token_piece: model is closed", ocelli_token_piece((const ocelli_model *)(void *)W.closed_model, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: model is closed", ocelli_token_piece((const ocelli_model *)(void *)W.closed_session, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: model is of another kind", ocelli_token_piece((const ocelli_model *)(void *)W.session, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: model is closed", ocelli_token_piece((const ocelli_model *)(void *)W.closed_image, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: model is of another kind", ocelli_token_piece((const ocelli_model *)(void *)W.image, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: model is made up", ocelli_token_piece((const ocelli_model *)(void *)&W, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: model is made up", ocelli_token_piece((const ocelli_model *)(void *)W.buffer, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: model is made up", ocelli_token_piece((const ocelli_model *)(void *)(void *)(uintptr_t)1, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: model is made up", ocelli_token_piece((const ocelli_model *)(void *)(void *)(uintptr_t)-1, W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: model is made up", ocelli_token_piece((const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.ids[0], &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_token_piece: token is 0", ocelli_token_piece(W.model, 0, &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_token_piece: token is 1", ocelli_token_piece(W.model, 1, &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_token_piece: token is UINT32_MAX", ocelli_token_piece(W.model, UINT32_MAX, &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_token_piece: token is 0x7fffffff", ocelli_token_piece(W.model, 0x7fffffff, &W.token, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_token_piece: kind is NULL", ocelli_token_piece(W.model, W.ids[0], NULL, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_token_piece: buffer is NULL", ocelli_token_piece(W.model, W.ids[0], &W.token, NULL, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_token_piece: buffer is NULL without room", ocelli_token_piece(W.model, W.ids[0], &W.token, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_token_piece: capacity is of no size an object has", ocelli_token_piece(W.model, W.ids[0], &W.token, W.buffer, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_token_piece: capacity is small", ocelli_token_piece(W.model, W.ids[0], &W.token, W.buffer, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_token_piece: needed is NULL", ocelli_token_piece(W.model, W.ids[0], &W.token, W.buffer, sizeof W.buffer, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_boxes(void) { return ocelli_boxes(W.model, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed); }

static void wrong_ocelli_boxes(void) {
  expect("ocelli_boxes: model is NULL", ocelli_boxes(NULL, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_boxes: model is closed", ocelli_boxes((const ocelli_model *)(void *)W.closed_model, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: model is closed", ocelli_boxes((const ocelli_model *)(void *)W.closed_session, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: model is of another kind", ocelli_boxes((const ocelli_model *)(void *)W.session, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: model is closed", ocelli_boxes((const ocelli_model *)(void *)W.closed_image, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: model is of another kind", ocelli_boxes((const ocelli_model *)(void *)W.image, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: model is made up", ocelli_boxes((const ocelli_model *)(void *)&W, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: model is made up", ocelli_boxes((const ocelli_model *)(void *)W.buffer, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: model is made up", ocelli_boxes((const ocelli_model *)(void *)(void *)(uintptr_t)1, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: model is made up", ocelli_boxes((const ocelli_model *)(void *)(void *)(uintptr_t)-1, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: model is made up", ocelli_boxes((const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_boxes: text is NULL", ocelli_boxes(W.model, NULL, 5, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_boxes: text is NULL and empty", ocelli_boxes(W.model, NULL, 0, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_boxes: size is of no size an object has", ocelli_boxes(W.model, W.text, SIZE_MAX, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_boxes: size is of a negative size", ocelli_boxes(W.model, W.text, (size_t)-2, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_boxes: size is empty", ocelli_boxes(W.model, W.text, 0, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_boxes: text is no UTF-8", ocelli_boxes(W.model, "\xff\xfe", 2, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_INVALID_UTF8));
  expect("ocelli_boxes: text is cut", ocelli_boxes(W.model, "\xe2\x82", 2, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_INVALID_UTF8));
  expect("ocelli_boxes: text is a NUL", ocelli_boxes(W.model, "\0", 1, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_boxes: buffer is NULL", ocelli_boxes(W.model, W.text, W.text_size, NULL, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_boxes: buffer is NULL without room", ocelli_boxes(W.model, W.text, W.text_size, NULL, 0, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_boxes: capacity is of no size an object has", ocelli_boxes(W.model, W.text, W.text_size, W.buffer, SIZE_MAX, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_boxes: capacity is small", ocelli_boxes(W.model, W.text, W.text_size, W.buffer, 1, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_boxes: needed is NULL", ocelli_boxes(W.model, W.text, W.text_size, W.buffer, sizeof W.buffer, NULL, W.boxes, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_boxes: boxes is NULL", ocelli_boxes(W.model, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, NULL, sizeof W.boxes / sizeof W.boxes[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_boxes: boxes is NULL without room", ocelli_boxes(W.model, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_boxes: room is of no size an object has", ocelli_boxes(W.model, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_boxes: room is small", ocelli_boxes(W.model, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_boxes: boxes is at an odd address", ocelli_boxes(W.model, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, (ocelli_box *)(void *)(W.buffer + 1), 9, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_boxes: count is NULL", ocelli_boxes(W.model, W.text, W.text_size, W.buffer, sizeof W.buffer, &W.needed, W.boxes, sizeof W.boxes / sizeof W.boxes[0], NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_image_open(void) { return ocelli_image_open(W.picture, &W.out_image); }

static void wrong_ocelli_image_open(void) {
  expect("ocelli_image_open: path is NULL", ocelli_image_open(NULL, &W.out_image), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_image_open: path is no UTF-8", ocelli_image_open("\xff", &W.out_image), BIT(OCELLI_ERR_INVALID_UTF8));
  expect("ocelli_image_open: path is empty", ocelli_image_open("", &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open: path is long", ocelli_image_open(W.long_text, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open: out is NULL", ocelli_image_open(W.picture, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_image_open_memory(void) { return ocelli_image_open_memory(W.png, W.png_size, &W.out_image); }

static void wrong_ocelli_image_open_memory(void) {
  expect("ocelli_image_open_memory: bytes is NULL", ocelli_image_open_memory(NULL, 5, &W.out_image), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_image_open_memory: bytes is NULL and empty", ocelli_image_open_memory(NULL, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_memory: size is of no size an object has", ocelli_image_open_memory(W.png, SIZE_MAX, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_image_open_memory: size is of a negative size", ocelli_image_open_memory(W.png, (size_t)-2, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_image_open_memory: size is empty", ocelli_image_open_memory(W.png, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_memory: out is NULL", ocelli_image_open_memory(W.png, W.png_size, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_image_open_with(void) { return ocelli_image_open_with(NULL, W.png, W.png_size, NULL, &W.out_image); }

static void wrong_ocelli_image_open_with(void) {
  expect("ocelli_image_open_with: path is NULL", ocelli_image_open_with(NULL, W.png, W.png_size, NULL, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_image_open_with: path is no UTF-8", ocelli_image_open_with("\xff", W.png, W.png_size, NULL, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_image_open_with: path is empty", ocelli_image_open_with("", W.png, W.png_size, NULL, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_image_open_with: path is long", ocelli_image_open_with(W.long_text, W.png, W.png_size, NULL, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_image_open_with: bytes is NULL", ocelli_image_open_with(NULL, NULL, 5, NULL, &W.out_image), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_image_open_with: bytes is NULL and empty", ocelli_image_open_with(NULL, NULL, 0, NULL, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  expect("ocelli_image_open_with: size is of no size an object has", ocelli_image_open_with(NULL, W.png, SIZE_MAX, NULL, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_image_open_with: size is of a negative size", ocelli_image_open_with(NULL, W.png, (size_t)-2, NULL, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_image_open_with: size is empty", ocelli_image_open_with(NULL, W.png, 0, NULL, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  { struct { ocelli_image_options s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  expect("ocelli_image_open_with: options is NULL", ocelli_image_open_with(NULL, W.png, W.png_size, NULL, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = 0;
  expect("ocelli_image_open_with: options is of a wrong size", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  expect("ocelli_image_open_with: options is of a wrong size", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  expect("ocelli_image_open_with: options is of a wrong size", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  expect("ocelli_image_open_with: options is of a wrong size", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  expect("ocelli_image_open_with: options is of a wrong size", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  expect("ocelli_image_open_with: options is of the oldest size", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  expect("ocelli_image_open_with: options is of a future size", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  expect("ocelli_image_open_with: options is of a future with something in it", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_UNSUPPORTED));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.upright, 0xff, sizeof o.s.upright);
  expect("ocelli_image_open_with: options is extreme in upright", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.upright, 0x7f, sizeof o.s.upright);
  expect("ocelli_image_open_with: options is extreme in upright", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.upright, 0x01, sizeof o.s.upright);
  expect("ocelli_image_open_with: options is extreme in upright", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.blend, 0xff, sizeof o.s.blend);
  expect("ocelli_image_open_with: options is extreme in blend", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.blend, 0x7f, sizeof o.s.blend);
  expect("ocelli_image_open_with: options is extreme in blend", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.blend, 0x01, sizeof o.s.blend);
  expect("ocelli_image_open_with: options is extreme in blend", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.background, 0xff, sizeof o.s.background);
  expect("ocelli_image_open_with: options is extreme in background", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.background, 0x7f, sizeof o.s.background);
  expect("ocelli_image_open_with: options is extreme in background", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.background, 0x01, sizeof o.s.background);
  expect("ocelli_image_open_with: options is extreme in background", ocelli_image_open_with(NULL, W.png, W.png_size, &o.s, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  }
  expect("ocelli_image_open_with: out is NULL", ocelli_image_open_with(NULL, W.png, W.png_size, NULL, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_image_open_pixels(void) { return ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, 0, 0, &W.out_image); }

static void wrong_ocelli_image_open_pixels(void) {
  expect("ocelli_image_open_pixels: pixels is NULL", ocelli_image_open_pixels(NULL, 5, 8, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_image_open_pixels: pixels is NULL and empty", ocelli_image_open_pixels(NULL, 0, 8, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: size is of no size an object has", ocelli_image_open_pixels(W.pixels, SIZE_MAX, 8, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_image_open_pixels: size is of a negative size", ocelli_image_open_pixels(W.pixels, (size_t)-2, 8, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER));
  expect("ocelli_image_open_pixels: size is empty", ocelli_image_open_pixels(W.pixels, 0, 8, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: width is 0", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 0, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: width is 1", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 1, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: width is UINT32_MAX", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, UINT32_MAX, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: width is 0x7fffffff", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 0x7fffffff, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: height is 0", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 0, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: height is 1", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 1, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: height is UINT32_MAX", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, UINT32_MAX, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: height is 0x7fffffff", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 0x7fffffff, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: stride is 0", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: stride is 1", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, 1, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: stride is SIZE_MAX", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, SIZE_MAX, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: stride is SIZE_MAX / 2", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, SIZE_MAX / 2, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: order is 0", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, 0, 0, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: order is 1", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, 0, 1, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: order is UINT32_MAX", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, 0, UINT32_MAX, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: order is 0x7fffffff", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, 0, 0x7fffffff, &W.out_image), BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_open_pixels: out is NULL", ocelli_image_open_pixels(W.pixels, sizeof W.pixels, 8, 8, 0, 0, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_image_size(void) { return ocelli_image_size(W.image, &W.token, &W.token); }

static void wrong_ocelli_image_size(void) {
  expect("ocelli_image_size: image is NULL", ocelli_image_size(NULL, &W.token, &W.token), BIT(OCELLI_ERR_NULL_PARAMETER));
  expect("ocelli_image_size: image is closed", ocelli_image_size((const ocelli_image *)(void *)W.closed_model, &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: image is of another kind", ocelli_image_size((const ocelli_image *)(void *)W.model, &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: image is closed", ocelli_image_size((const ocelli_image *)(void *)W.closed_session, &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: image is of another kind", ocelli_image_size((const ocelli_image *)(void *)W.session, &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: image is closed", ocelli_image_size((const ocelli_image *)(void *)W.closed_image, &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: image is made up", ocelli_image_size((const ocelli_image *)(void *)&W, &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: image is made up", ocelli_image_size((const ocelli_image *)(void *)W.buffer, &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: image is made up", ocelli_image_size((const ocelli_image *)(void *)(void *)(uintptr_t)1, &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: image is made up", ocelli_image_size((const ocelli_image *)(void *)(void *)(uintptr_t)-1, &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: image is made up", ocelli_image_size((const ocelli_image *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), &W.token, &W.token), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_size: width is NULL", ocelli_image_size(W.image, NULL, &W.token), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  expect("ocelli_image_size: height is NULL", ocelli_image_size(W.image, &W.token, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_image_close(void) { return ocelli_image_close(fresh_image()); }

static void wrong_ocelli_image_close(void) {
  expect("ocelli_image_close: image is NULL", ocelli_image_close(NULL), BIT(OCELLI_OK));
  expect("ocelli_image_close: image is closed", ocelli_image_close((ocelli_image *)(void *)W.closed_model), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_close: image is of another kind", ocelli_image_close((ocelli_image *)(void *)W.model), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_close: image is closed", ocelli_image_close((ocelli_image *)(void *)W.closed_session), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_close: image is of another kind", ocelli_image_close((ocelli_image *)(void *)W.session), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_close: image is closed", ocelli_image_close((ocelli_image *)(void *)W.closed_image), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_close: image is made up", ocelli_image_close((ocelli_image *)(void *)&W), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_close: image is made up", ocelli_image_close((ocelli_image *)(void *)W.buffer), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_close: image is made up", ocelli_image_close((ocelli_image *)(void *)(void *)(uintptr_t)1), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_close: image is made up", ocelli_image_close((ocelli_image *)(void *)(void *)(uintptr_t)-1), BIT(OCELLI_ERR_BAD_HANDLE));
  expect("ocelli_image_close: image is made up", ocelli_image_close((ocelli_image *)(void *)(void *)((uintptr_t)W.session ^ 0x40000)), BIT(OCELLI_ERR_BAD_HANDLE));
}

static int32_t right_ocelli_session_open(void) { ready(0); return ocelli_session_open(W.model, NULL, &W.out_session); }

static void wrong_ocelli_session_open(void) {
  ready(0); expect("ocelli_session_open: model is NULL", ocelli_session_open(NULL, NULL, &W.out_session), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_open: model is closed", ocelli_session_open((const ocelli_model *)(void *)W.closed_model, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_open: model is closed", ocelli_session_open((const ocelli_model *)(void *)W.closed_session, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_open: model is of another kind", ocelli_session_open((const ocelli_model *)(void *)W.session, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_open: model is closed", ocelli_session_open((const ocelli_model *)(void *)W.closed_image, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_open: model is of another kind", ocelli_session_open((const ocelli_model *)(void *)W.image, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_open: model is made up", ocelli_session_open((const ocelli_model *)(void *)&W, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_open: model is made up", ocelli_session_open((const ocelli_model *)(void *)W.buffer, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_open: model is made up", ocelli_session_open((const ocelli_model *)(void *)(void *)(uintptr_t)1, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_open: model is made up", ocelli_session_open((const ocelli_model *)(void *)(void *)(uintptr_t)-1, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_open: model is made up", ocelli_session_open((const ocelli_model *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  { struct { ocelli_session_options s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  ready(0); expect("ocelli_session_open: options is NULL", ocelli_session_open(W.model, NULL, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = 0;
  ready(0); expect("ocelli_session_open: options is of a wrong size", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  ready(0); expect("ocelli_session_open: options is of a wrong size", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  ready(0); expect("ocelli_session_open: options is of a wrong size", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  ready(0); expect("ocelli_session_open: options is of a wrong size", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  ready(0); expect("ocelli_session_open: options is of a wrong size", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  ready(0); expect("ocelli_session_open: options is of the oldest size", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  ready(0); expect("ocelli_session_open: options is of a future size", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  ready(0); expect("ocelli_session_open: options is of a future with something in it", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_UNSUPPORTED));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.context, 0xff, sizeof o.s.context);
  ready(0); expect("ocelli_session_open: options is extreme in context", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.context, 0x7f, sizeof o.s.context);
  ready(0); expect("ocelli_session_open: options is extreme in context", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.context, 0x01, sizeof o.s.context);
  ready(0); expect("ocelli_session_open: options is extreme in context", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0xff, sizeof o.s.beams);
  ready(0); expect("ocelli_session_open: options is extreme in beams", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0x7f, sizeof o.s.beams);
  ready(0); expect("ocelli_session_open: options is extreme in beams", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0x01, sizeof o.s.beams);
  ready(0); expect("ocelli_session_open: options is extreme in beams", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.new_tokens, 0xff, sizeof o.s.new_tokens);
  ready(0); expect("ocelli_session_open: options is extreme in new_tokens", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.new_tokens, 0x7f, sizeof o.s.new_tokens);
  ready(0); expect("ocelli_session_open: options is extreme in new_tokens", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.new_tokens, 0x01, sizeof o.s.new_tokens);
  ready(0); expect("ocelli_session_open: options is extreme in new_tokens", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.batch, 0xff, sizeof o.s.batch);
  ready(0); expect("ocelli_session_open: options is extreme in batch", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.batch, 0x7f, sizeof o.s.batch);
  ready(0); expect("ocelli_session_open: options is extreme in batch", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.batch, 0x01, sizeof o.s.batch);
  ready(0); expect("ocelli_session_open: options is extreme in batch", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cache, 0xff, sizeof o.s.cache);
  ready(0); expect("ocelli_session_open: options is extreme in cache", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cache, 0x7f, sizeof o.s.cache);
  ready(0); expect("ocelli_session_open: options is extreme in cache", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.cache, 0x01, sizeof o.s.cache);
  ready(0); expect("ocelli_session_open: options is extreme in cache", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.complete, 0xff, sizeof o.s.complete);
  ready(0); expect("ocelli_session_open: options is extreme in complete", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.complete, 0x7f, sizeof o.s.complete);
  ready(0); expect("ocelli_session_open: options is extreme in complete", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.complete, 0x01, sizeof o.s.complete);
  ready(0); expect("ocelli_session_open: options is extreme in complete", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.images, 0xff, sizeof o.s.images);
  ready(0); expect("ocelli_session_open: options is extreme in images", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.images, 0x7f, sizeof o.s.images);
  ready(0); expect("ocelli_session_open: options is extreme in images", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.images, 0x01, sizeof o.s.images);
  ready(0); expect("ocelli_session_open: options is extreme in images", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_cache, 0xff, sizeof o.s.image_cache);
  ready(0); expect("ocelli_session_open: options is extreme in image_cache", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_cache, 0x7f, sizeof o.s.image_cache);
  ready(0); expect("ocelli_session_open: options is extreme in image_cache", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.image_cache, 0x01, sizeof o.s.image_cache);
  ready(0); expect("ocelli_session_open: options is extreme in image_cache", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.budget, 0xff, sizeof o.s.budget);
  ready(0); expect("ocelli_session_open: options is extreme in budget", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.budget, 0x7f, sizeof o.s.budget);
  ready(0); expect("ocelli_session_open: options is extreme in budget", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.budget, 0x01, sizeof o.s.budget);
  ready(0); expect("ocelli_session_open: options is extreme in budget", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.frames, 0xff, sizeof o.s.frames);
  ready(0); expect("ocelli_session_open: options is extreme in frames", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.frames, 0x7f, sizeof o.s.frames);
  ready(0); expect("ocelli_session_open: options is extreme in frames", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.frames, 0x01, sizeof o.s.frames);
  ready(0); expect("ocelli_session_open: options is extreme in frames", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.parallel, 0xff, sizeof o.s.parallel);
  ready(0); expect("ocelli_session_open: options is extreme in parallel", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.parallel, 0x7f, sizeof o.s.parallel);
  ready(0); expect("ocelli_session_open: options is extreme in parallel", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.parallel, 0x01, sizeof o.s.parallel);
  ready(0); expect("ocelli_session_open: options is extreme in parallel", ocelli_session_open(W.model, &o.s, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  }
  ready(0); expect("ocelli_session_open: out is NULL", ocelli_session_open(W.model, NULL, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_session_close(void) { ready(0); return ocelli_session_close(fresh_session()); }

static void wrong_ocelli_session_close(void) {
  ready(0); expect("ocelli_session_close: session is NULL", ocelli_session_close(NULL), BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_close: session is closed", ocelli_session_close((ocelli_session *)(void *)W.closed_model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_close: session is of another kind", ocelli_session_close((ocelli_session *)(void *)W.model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_close: session is closed", ocelli_session_close((ocelli_session *)(void *)W.closed_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_close: session is closed", ocelli_session_close((ocelli_session *)(void *)W.closed_image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_close: session is of another kind", ocelli_session_close((ocelli_session *)(void *)W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_close: session is made up", ocelli_session_close((ocelli_session *)(void *)&W), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_close: session is made up", ocelli_session_close((ocelli_session *)(void *)W.buffer), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_close: session is made up", ocelli_session_close((ocelli_session *)(void *)(void *)(uintptr_t)1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_close: session is made up", ocelli_session_close((ocelli_session *)(void *)(void *)(uintptr_t)-1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_close: session is made up", ocelli_session_close((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000)), BIT(OCELLI_ERR_BAD_HANDLE));
}

static int32_t right_ocelli_session_fork(void) { ready(0); return ocelli_session_fork(W.session, &W.out_session); }

static void wrong_ocelli_session_fork(void) {
  ready(0); expect("ocelli_session_fork: session is NULL", ocelli_session_fork(NULL, &W.out_session), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_fork: session is closed", ocelli_session_fork((ocelli_session *)(void *)W.closed_model, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: session is of another kind", ocelli_session_fork((ocelli_session *)(void *)W.model, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: session is closed", ocelli_session_fork((ocelli_session *)(void *)W.closed_session, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: session is closed", ocelli_session_fork((ocelli_session *)(void *)W.closed_image, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: session is of another kind", ocelli_session_fork((ocelli_session *)(void *)W.image, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: session is made up", ocelli_session_fork((ocelli_session *)(void *)&W, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: session is made up", ocelli_session_fork((ocelli_session *)(void *)W.buffer, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: session is made up", ocelli_session_fork((ocelli_session *)(void *)(void *)(uintptr_t)1, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: session is made up", ocelli_session_fork((ocelli_session *)(void *)(void *)(uintptr_t)-1, &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: session is made up", ocelli_session_fork((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), &W.out_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_fork: out is NULL", ocelli_session_fork(W.session, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_session_cancel(void) { ready(0); return ocelli_session_cancel(W.session); }

static void wrong_ocelli_session_cancel(void) {
  ready(0); expect("ocelli_session_cancel: session is NULL", ocelli_session_cancel(NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_cancel: session is closed", ocelli_session_cancel((const ocelli_session *)(void *)W.closed_model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_cancel: session is of another kind", ocelli_session_cancel((const ocelli_session *)(void *)W.model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_cancel: session is closed", ocelli_session_cancel((const ocelli_session *)(void *)W.closed_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_cancel: session is closed", ocelli_session_cancel((const ocelli_session *)(void *)W.closed_image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_cancel: session is of another kind", ocelli_session_cancel((const ocelli_session *)(void *)W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_cancel: session is made up", ocelli_session_cancel((const ocelli_session *)(void *)&W), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_cancel: session is made up", ocelli_session_cancel((const ocelli_session *)(void *)W.buffer), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_cancel: session is made up", ocelli_session_cancel((const ocelli_session *)(void *)(void *)(uintptr_t)1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_cancel: session is made up", ocelli_session_cancel((const ocelli_session *)(void *)(void *)(uintptr_t)-1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_cancel: session is made up", ocelli_session_cancel((const ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000)), BIT(OCELLI_ERR_BAD_HANDLE));
}

static int32_t right_ocelli_session_usage(void) { ready(0); return ocelli_session_usage(W.session, &W.usage); }

static void wrong_ocelli_session_usage(void) {
  ready(0); expect("ocelli_session_usage: session is NULL", ocelli_session_usage(NULL, &W.usage), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_usage: session is closed", ocelli_session_usage((ocelli_session *)(void *)W.closed_model, &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_usage: session is of another kind", ocelli_session_usage((ocelli_session *)(void *)W.model, &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_usage: session is closed", ocelli_session_usage((ocelli_session *)(void *)W.closed_session, &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_usage: session is closed", ocelli_session_usage((ocelli_session *)(void *)W.closed_image, &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_usage: session is of another kind", ocelli_session_usage((ocelli_session *)(void *)W.image, &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_usage: session is made up", ocelli_session_usage((ocelli_session *)(void *)&W, &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_usage: session is made up", ocelli_session_usage((ocelli_session *)(void *)W.buffer, &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_usage: session is made up", ocelli_session_usage((ocelli_session *)(void *)(void *)(uintptr_t)1, &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_usage: session is made up", ocelli_session_usage((ocelli_session *)(void *)(void *)(uintptr_t)-1, &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_usage: session is made up", ocelli_session_usage((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), &W.usage), BIT(OCELLI_ERR_BAD_HANDLE));
  { struct { ocelli_usage s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  ready(0); expect("ocelli_session_usage: usage is NULL", ocelli_session_usage(W.session, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
  o.s.struct_size = 0;
  ready(0); expect("ocelli_session_usage: usage is of a wrong size", ocelli_session_usage(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  ready(0); expect("ocelli_session_usage: usage is of a wrong size", ocelli_session_usage(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  ready(0); expect("ocelli_session_usage: usage is of a wrong size", ocelli_session_usage(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  ready(0); expect("ocelli_session_usage: usage is of a wrong size", ocelli_session_usage(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  ready(0); expect("ocelli_session_usage: usage is of a wrong size", ocelli_session_usage(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  ready(0); expect("ocelli_session_usage: usage is of the oldest size", ocelli_session_usage(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  ready(0); expect("ocelli_session_usage: usage is of a future size", ocelli_session_usage(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  ready(0); expect("ocelli_session_usage: usage is of a future with something in it", ocelli_session_usage(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  expect_true("ocelli_session_usage: the future is zero", o.tail[63] == 0);
  }
}

static int32_t right_ocelli_session_add_text(void) { ready(0); return ocelli_session_add_text(W.session, W.text, W.text_size); }

static void wrong_ocelli_session_add_text(void) {
  ready(0); expect("ocelli_session_add_text: session is NULL", ocelli_session_add_text(NULL, W.text, W.text_size), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_text: session is closed", ocelli_session_add_text((ocelli_session *)(void *)W.closed_model, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: session is of another kind", ocelli_session_add_text((ocelli_session *)(void *)W.model, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: session is closed", ocelli_session_add_text((ocelli_session *)(void *)W.closed_session, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: session is closed", ocelli_session_add_text((ocelli_session *)(void *)W.closed_image, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: session is of another kind", ocelli_session_add_text((ocelli_session *)(void *)W.image, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: session is made up", ocelli_session_add_text((ocelli_session *)(void *)&W, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: session is made up", ocelli_session_add_text((ocelli_session *)(void *)W.buffer, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: session is made up", ocelli_session_add_text((ocelli_session *)(void *)(void *)(uintptr_t)1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: session is made up", ocelli_session_add_text((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: session is made up", ocelli_session_add_text((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_text: text is NULL", ocelli_session_add_text(W.session, NULL, 5), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_text: text is NULL and empty", ocelli_session_add_text(W.session, NULL, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_text: size is of no size an object has", ocelli_session_add_text(W.session, W.text, SIZE_MAX), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_add_text: size is of a negative size", ocelli_session_add_text(W.session, W.text, (size_t)-2), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_add_text: size is empty", ocelli_session_add_text(W.session, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_text: text is no UTF-8", ocelli_session_add_text(W.session, "\xff\xfe", 2), BIT(OCELLI_ERR_INVALID_UTF8));
  ready(0); expect("ocelli_session_add_text: text is cut", ocelli_session_add_text(W.session, "\xe2\x82", 2), BIT(OCELLI_ERR_INVALID_UTF8));
  ready(0); expect("ocelli_session_add_text: text is a NUL", ocelli_session_add_text(W.session, "\0", 1), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_add_image(void) { ready(0); return ocelli_session_add_image(W.session, W.image); }

static void wrong_ocelli_session_add_image(void) {
  ready(0); expect("ocelli_session_add_image: session is NULL", ocelli_session_add_image(NULL, W.image), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_image: session is closed", ocelli_session_add_image((ocelli_session *)(void *)W.closed_model, W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: session is of another kind", ocelli_session_add_image((ocelli_session *)(void *)W.model, W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: session is closed", ocelli_session_add_image((ocelli_session *)(void *)W.closed_session, W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: session is closed", ocelli_session_add_image((ocelli_session *)(void *)W.closed_image, W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: session is of another kind", ocelli_session_add_image((ocelli_session *)(void *)W.image, W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: session is made up", ocelli_session_add_image((ocelli_session *)(void *)&W, W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: session is made up", ocelli_session_add_image((ocelli_session *)(void *)W.buffer, W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: session is made up", ocelli_session_add_image((ocelli_session *)(void *)(void *)(uintptr_t)1, W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: session is made up", ocelli_session_add_image((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: session is made up", ocelli_session_add_image((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is NULL", ocelli_session_add_image(W.session, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_image: image is closed", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)W.closed_model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is of another kind", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)W.model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is closed", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)W.closed_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is of another kind", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)W.session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is closed", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)W.closed_image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is made up", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)&W), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is made up", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)W.buffer), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is made up", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)(void *)(uintptr_t)1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is made up", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)(void *)(uintptr_t)-1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_image: image is made up", ocelli_session_add_image(W.session, (const ocelli_image *)(void *)(void *)((uintptr_t)W.session ^ 0x40000)), BIT(OCELLI_ERR_BAD_HANDLE));
}

static int32_t right_ocelli_session_add_video(void) { ready(0); return ocelli_session_add_video(W.session, W.frames, 1, 1.0); }

static void wrong_ocelli_session_add_video(void) {
  ready(0); expect("ocelli_session_add_video: session is NULL", ocelli_session_add_video(NULL, W.frames, 1, 1.0), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_video: session is closed", ocelli_session_add_video((ocelli_session *)(void *)W.closed_model, W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: session is of another kind", ocelli_session_add_video((ocelli_session *)(void *)W.model, W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: session is closed", ocelli_session_add_video((ocelli_session *)(void *)W.closed_session, W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: session is closed", ocelli_session_add_video((ocelli_session *)(void *)W.closed_image, W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: session is of another kind", ocelli_session_add_video((ocelli_session *)(void *)W.image, W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: session is made up", ocelli_session_add_video((ocelli_session *)(void *)&W, W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: session is made up", ocelli_session_add_video((ocelli_session *)(void *)W.buffer, W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: session is made up", ocelli_session_add_video((ocelli_session *)(void *)(void *)(uintptr_t)1, W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: session is made up", ocelli_session_add_video((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: session is made up", ocelli_session_add_video((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.frames, 1, 1.0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_video: frames is NULL", ocelli_session_add_video(W.session, NULL, 5, 1.0), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_video: frames is NULL and empty", ocelli_session_add_video(W.session, NULL, 0, 1.0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_video: count is of no size an object has", ocelli_session_add_video(W.session, W.frames, SIZE_MAX, 1.0), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_add_video: count is of a negative size", ocelli_session_add_video(W.session, W.frames, (size_t)-2, 1.0), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_add_video: count is empty", ocelli_session_add_video(W.session, W.frames, 0, 1.0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_video: frames is at an odd address", ocelli_session_add_video(W.session, (const ocelli_image *const *)(const void *)(W.buffer + 1), 1, 1.0), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_add_video: frames_per_second is 0.0", ocelli_session_add_video(W.session, W.frames, 1, 0.0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_video: frames_per_second is -1.0", ocelli_session_add_video(W.session, W.frames, 1, -1.0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_video: frames_per_second is HUGE_VAL", ocelli_session_add_video(W.session, W.frames, 1, HUGE_VAL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_video: frames_per_second is -HUGE_VAL", ocelli_session_add_video(W.session, W.frames, 1, -HUGE_VAL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_video: frames_per_second is HUGE_VAL - HUGE_VAL", ocelli_session_add_video(W.session, W.frames, 1, HUGE_VAL - HUGE_VAL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_add_tokens(void) { ready(0); return ocelli_session_add_tokens(W.session, W.ids, 1); }

static void wrong_ocelli_session_add_tokens(void) {
  ready(0); expect("ocelli_session_add_tokens: session is NULL", ocelli_session_add_tokens(NULL, W.ids, 1), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_tokens: session is closed", ocelli_session_add_tokens((ocelli_session *)(void *)W.closed_model, W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: session is of another kind", ocelli_session_add_tokens((ocelli_session *)(void *)W.model, W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: session is closed", ocelli_session_add_tokens((ocelli_session *)(void *)W.closed_session, W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: session is closed", ocelli_session_add_tokens((ocelli_session *)(void *)W.closed_image, W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: session is of another kind", ocelli_session_add_tokens((ocelli_session *)(void *)W.image, W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: session is made up", ocelli_session_add_tokens((ocelli_session *)(void *)&W, W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: session is made up", ocelli_session_add_tokens((ocelli_session *)(void *)W.buffer, W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: session is made up", ocelli_session_add_tokens((ocelli_session *)(void *)(void *)(uintptr_t)1, W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: session is made up", ocelli_session_add_tokens((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: session is made up", ocelli_session_add_tokens((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.ids, 1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_tokens: tokens is NULL", ocelli_session_add_tokens(W.session, NULL, 5), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_tokens: tokens is NULL and empty", ocelli_session_add_tokens(W.session, NULL, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_tokens: count is of no size an object has", ocelli_session_add_tokens(W.session, W.ids, SIZE_MAX), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_add_tokens: count is of a negative size", ocelli_session_add_tokens(W.session, W.ids, (size_t)-2), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_add_tokens: count is empty", ocelli_session_add_tokens(W.session, W.ids, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_tokens: tokens is at an odd address", ocelli_session_add_tokens(W.session, (const uint32_t *)(const void *)(W.buffer + 1), 1), BIT(OCELLI_ERR_BAD_PARAMETER));
}

static int32_t right_ocelli_session_add_shot(void) { ready(0); return ocelli_session_add_shot(W.session, W.image, W.text, W.text, 0); }

static void wrong_ocelli_session_add_shot(void) {
  ready(0); expect("ocelli_session_add_shot: session is NULL", ocelli_session_add_shot(NULL, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_shot: session is closed", ocelli_session_add_shot((ocelli_session *)(void *)W.closed_model, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: session is of another kind", ocelli_session_add_shot((ocelli_session *)(void *)W.model, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: session is closed", ocelli_session_add_shot((ocelli_session *)(void *)W.closed_session, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: session is closed", ocelli_session_add_shot((ocelli_session *)(void *)W.closed_image, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: session is of another kind", ocelli_session_add_shot((ocelli_session *)(void *)W.image, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: session is made up", ocelli_session_add_shot((ocelli_session *)(void *)&W, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: session is made up", ocelli_session_add_shot((ocelli_session *)(void *)W.buffer, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: session is made up", ocelli_session_add_shot((ocelli_session *)(void *)(void *)(uintptr_t)1, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: session is made up", ocelli_session_add_shot((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: session is made up", ocelli_session_add_shot((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is NULL", ocelli_session_add_shot(W.session, NULL, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_shot: image is closed", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)W.closed_model, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is of another kind", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)W.model, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is closed", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)W.closed_session, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is of another kind", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)W.session, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is closed", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)W.closed_image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is made up", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)&W, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is made up", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)W.buffer, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is made up", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)(void *)(uintptr_t)1, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is made up", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)(void *)(uintptr_t)-1, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: image is made up", ocelli_session_add_shot(W.session, (const ocelli_image *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_add_shot: question is NULL", ocelli_session_add_shot(W.session, W.image, NULL, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_shot: question is no UTF-8", ocelli_session_add_shot(W.session, W.image, "\xff", W.text, 0), BIT(OCELLI_ERR_INVALID_UTF8));
  ready(0); expect("ocelli_session_add_shot: question is long", ocelli_session_add_shot(W.session, W.image, W.long_text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_shot: text is NULL", ocelli_session_add_shot(W.session, W.image, W.text, NULL, 0), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_add_shot: text is no UTF-8", ocelli_session_add_shot(W.session, W.image, W.text, "\xff", 0), BIT(OCELLI_ERR_INVALID_UTF8));
  ready(0); expect("ocelli_session_add_shot: text is empty", ocelli_session_add_shot(W.session, W.image, W.text, "", 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_shot: text is long", ocelli_session_add_shot(W.session, W.image, W.text, W.long_text, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_shot: flags is 0", ocelli_session_add_shot(W.session, W.image, W.text, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_shot: flags is 1", ocelli_session_add_shot(W.session, W.image, W.text, W.text, 1), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_shot: flags is UINT32_MAX", ocelli_session_add_shot(W.session, W.image, W.text, W.text, UINT32_MAX), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_add_shot: flags is 0x7fffffff", ocelli_session_add_shot(W.session, W.image, W.text, W.text, 0x7fffffff), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_add_turn(void) { ready(3); return ocelli_session_add_turn(W.session, "user", W.frames, 1, W.text, W.text_size); }

static void wrong_ocelli_session_add_turn(void) {
  ready(3); expect("ocelli_session_add_turn: session is NULL", ocelli_session_add_turn(NULL, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(3); expect("ocelli_session_add_turn: session is closed", ocelli_session_add_turn((ocelli_session *)(void *)W.closed_model, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: session is of another kind", ocelli_session_add_turn((ocelli_session *)(void *)W.model, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: session is closed", ocelli_session_add_turn((ocelli_session *)(void *)W.closed_session, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: session is closed", ocelli_session_add_turn((ocelli_session *)(void *)W.closed_image, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: session is of another kind", ocelli_session_add_turn((ocelli_session *)(void *)W.image, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: session is made up", ocelli_session_add_turn((ocelli_session *)(void *)&W, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: session is made up", ocelli_session_add_turn((ocelli_session *)(void *)W.buffer, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: session is made up", ocelli_session_add_turn((ocelli_session *)(void *)(void *)(uintptr_t)1, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: session is made up", ocelli_session_add_turn((ocelli_session *)(void *)(void *)(uintptr_t)-1, "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: session is made up", ocelli_session_add_turn((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), "user", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(3); expect("ocelli_session_add_turn: role is NULL", ocelli_session_add_turn(W.session, NULL, W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(3); expect("ocelli_session_add_turn: role is no UTF-8", ocelli_session_add_turn(W.session, "\xff", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_INVALID_UTF8));
  ready(3); expect("ocelli_session_add_turn: role is empty", ocelli_session_add_turn(W.session, "", W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(3); expect("ocelli_session_add_turn: role is long", ocelli_session_add_turn(W.session, W.long_text, W.frames, 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(3); expect("ocelli_session_add_turn: images is NULL", ocelli_session_add_turn(W.session, "user", NULL, 5, W.text, W.text_size), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(3); expect("ocelli_session_add_turn: images is NULL and empty", ocelli_session_add_turn(W.session, "user", NULL, 0, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(3); expect("ocelli_session_add_turn: count is of no size an object has", ocelli_session_add_turn(W.session, "user", W.frames, SIZE_MAX, W.text, W.text_size), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(3); expect("ocelli_session_add_turn: count is of a negative size", ocelli_session_add_turn(W.session, "user", W.frames, (size_t)-2, W.text, W.text_size), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(3); expect("ocelli_session_add_turn: count is empty", ocelli_session_add_turn(W.session, "user", W.frames, 0, W.text, W.text_size), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(3); expect("ocelli_session_add_turn: images is at an odd address", ocelli_session_add_turn(W.session, "user", (const ocelli_image *const *)(const void *)(W.buffer + 1), 1, W.text, W.text_size), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(3); expect("ocelli_session_add_turn: text is NULL", ocelli_session_add_turn(W.session, "user", W.frames, 1, NULL, 5), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(3); expect("ocelli_session_add_turn: text is NULL and empty", ocelli_session_add_turn(W.session, "user", W.frames, 1, NULL, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(3); expect("ocelli_session_add_turn: size is of no size an object has", ocelli_session_add_turn(W.session, "user", W.frames, 1, W.text, SIZE_MAX), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(3); expect("ocelli_session_add_turn: size is of a negative size", ocelli_session_add_turn(W.session, "user", W.frames, 1, W.text, (size_t)-2), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(3); expect("ocelli_session_add_turn: size is empty", ocelli_session_add_turn(W.session, "user", W.frames, 1, W.text, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
  ready(3); expect("ocelli_session_add_turn: text is no UTF-8", ocelli_session_add_turn(W.session, "user", W.frames, 1, "\xff\xfe", 2), BIT(OCELLI_ERR_INVALID_UTF8));
  ready(3); expect("ocelli_session_add_turn: text is cut", ocelli_session_add_turn(W.session, "user", W.frames, 1, "\xe2\x82", 2), BIT(OCELLI_ERR_INVALID_UTF8));
  ready(3); expect("ocelli_session_add_turn: text is a NUL", ocelli_session_add_turn(W.session, "user", W.frames, 1, "\0", 1), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_take_turn_back(void) { ready(0); return ocelli_session_take_turn_back(W.session); }

static void wrong_ocelli_session_take_turn_back(void) {
  ready(0); expect("ocelli_session_take_turn_back: session is NULL", ocelli_session_take_turn_back(NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_take_turn_back: session is closed", ocelli_session_take_turn_back((ocelli_session *)(void *)W.closed_model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_take_turn_back: session is of another kind", ocelli_session_take_turn_back((ocelli_session *)(void *)W.model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_take_turn_back: session is closed", ocelli_session_take_turn_back((ocelli_session *)(void *)W.closed_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_take_turn_back: session is closed", ocelli_session_take_turn_back((ocelli_session *)(void *)W.closed_image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_take_turn_back: session is of another kind", ocelli_session_take_turn_back((ocelli_session *)(void *)W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_take_turn_back: session is made up", ocelli_session_take_turn_back((ocelli_session *)(void *)&W), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_take_turn_back: session is made up", ocelli_session_take_turn_back((ocelli_session *)(void *)W.buffer), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_take_turn_back: session is made up", ocelli_session_take_turn_back((ocelli_session *)(void *)(void *)(uintptr_t)1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_take_turn_back: session is made up", ocelli_session_take_turn_back((ocelli_session *)(void *)(void *)(uintptr_t)-1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_take_turn_back: session is made up", ocelli_session_take_turn_back((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000)), BIT(OCELLI_ERR_BAD_HANDLE));
}

static int32_t right_ocelli_session_turn(void) { ready(0); return ocelli_session_turn(W.session, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed); }

static void wrong_ocelli_session_turn(void) {
  ready(0); expect("ocelli_session_turn: session is NULL", ocelli_session_turn(NULL, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_turn: session is closed", ocelli_session_turn((ocelli_session *)(void *)W.closed_model, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: session is of another kind", ocelli_session_turn((ocelli_session *)(void *)W.model, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: session is closed", ocelli_session_turn((ocelli_session *)(void *)W.closed_session, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: session is closed", ocelli_session_turn((ocelli_session *)(void *)W.closed_image, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: session is of another kind", ocelli_session_turn((ocelli_session *)(void *)W.image, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: session is made up", ocelli_session_turn((ocelli_session *)(void *)&W, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: session is made up", ocelli_session_turn((ocelli_session *)(void *)W.buffer, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: session is made up", ocelli_session_turn((ocelli_session *)(void *)(void *)(uintptr_t)1, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: session is made up", ocelli_session_turn((ocelli_session *)(void *)(void *)(uintptr_t)-1, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: session is made up", ocelli_session_turn((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_turn: index is 0", ocelli_session_turn(W.session, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: index is 1", ocelli_session_turn(W.session, 1, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: index is SIZE_MAX", ocelli_session_turn(W.session, SIZE_MAX, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: index is SIZE_MAX / 2", ocelli_session_turn(W.session, SIZE_MAX / 2, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: role is NULL", ocelli_session_turn(W.session, 0, NULL, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_turn: role is NULL without room", ocelli_session_turn(W.session, 0, NULL, 0, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: role_capacity is of no size an object has", ocelli_session_turn(W.session, 0, W.role, SIZE_MAX, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_turn: role_capacity is small", ocelli_session_turn(W.session, 0, W.role, 1, &W.needed, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: role_needed is NULL", ocelli_session_turn(W.session, 0, W.role, sizeof W.role, NULL, W.buffer, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: buffer is NULL", ocelli_session_turn(W.session, 0, W.role, sizeof W.role, &W.needed, NULL, sizeof W.buffer, &W.needed, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_turn: buffer is NULL without room", ocelli_session_turn(W.session, 0, W.role, sizeof W.role, &W.needed, NULL, 0, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: capacity is of no size an object has", ocelli_session_turn(W.session, 0, W.role, sizeof W.role, &W.needed, W.buffer, SIZE_MAX, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_turn: capacity is small", ocelli_session_turn(W.session, 0, W.role, sizeof W.role, &W.needed, W.buffer, 1, &W.needed, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: needed is NULL", ocelli_session_turn(W.session, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, NULL, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_turn: images is NULL", ocelli_session_turn(W.session, 0, W.role, sizeof W.role, &W.needed, W.buffer, sizeof W.buffer, &W.needed, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_clear(void) { ready(0); return ocelli_session_clear(W.session); }

static void wrong_ocelli_session_clear(void) {
  ready(0); expect("ocelli_session_clear: session is NULL", ocelli_session_clear(NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_clear: session is closed", ocelli_session_clear((ocelli_session *)(void *)W.closed_model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_clear: session is of another kind", ocelli_session_clear((ocelli_session *)(void *)W.model), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_clear: session is closed", ocelli_session_clear((ocelli_session *)(void *)W.closed_session), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_clear: session is closed", ocelli_session_clear((ocelli_session *)(void *)W.closed_image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_clear: session is of another kind", ocelli_session_clear((ocelli_session *)(void *)W.image), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_clear: session is made up", ocelli_session_clear((ocelli_session *)(void *)&W), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_clear: session is made up", ocelli_session_clear((ocelli_session *)(void *)W.buffer), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_clear: session is made up", ocelli_session_clear((ocelli_session *)(void *)(void *)(uintptr_t)1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_clear: session is made up", ocelli_session_clear((ocelli_session *)(void *)(void *)(uintptr_t)-1), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_clear: session is made up", ocelli_session_clear((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000)), BIT(OCELLI_ERR_BAD_HANDLE));
}

static int32_t right_ocelli_session_generate(void) { ready(0); return ocelli_session_generate(W.session, &W.generate_options, on_piece, NULL, &W.number); }

static void wrong_ocelli_session_generate(void) {
  ready(0); expect("ocelli_session_generate: session is NULL", ocelli_session_generate(NULL, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_generate: session is closed", ocelli_session_generate((ocelli_session *)(void *)W.closed_model, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_generate: session is of another kind", ocelli_session_generate((ocelli_session *)(void *)W.model, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_generate: session is closed", ocelli_session_generate((ocelli_session *)(void *)W.closed_session, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_generate: session is closed", ocelli_session_generate((ocelli_session *)(void *)W.closed_image, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_generate: session is of another kind", ocelli_session_generate((ocelli_session *)(void *)W.image, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_generate: session is made up", ocelli_session_generate((ocelli_session *)(void *)&W, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_generate: session is made up", ocelli_session_generate((ocelli_session *)(void *)W.buffer, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_generate: session is made up", ocelli_session_generate((ocelli_session *)(void *)(void *)(uintptr_t)1, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_generate: session is made up", ocelli_session_generate((ocelli_session *)(void *)(void *)(uintptr_t)-1, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_generate: session is made up", ocelli_session_generate((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  { struct { ocelli_generate_options s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  ready(0); expect("ocelli_session_generate: options is NULL", ocelli_session_generate(W.session, NULL, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = 0;
  ready(0); expect("ocelli_session_generate: options is of a wrong size", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  ready(0); expect("ocelli_session_generate: options is of a wrong size", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  ready(0); expect("ocelli_session_generate: options is of a wrong size", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  ready(0); expect("ocelli_session_generate: options is of a wrong size", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  ready(0); expect("ocelli_session_generate: options is of a wrong size", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  ready(0); expect("ocelli_session_generate: options is of the oldest size", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  ready(0); expect("ocelli_session_generate: options is of a future size", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  ready(0); expect("ocelli_session_generate: options is of a future with something in it", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_UNSUPPORTED));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.max_new_tokens, 0xff, sizeof o.s.max_new_tokens);
  ready(0); expect("ocelli_session_generate: options is extreme in max_new_tokens", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.max_new_tokens, 0x7f, sizeof o.s.max_new_tokens);
  ready(0); expect("ocelli_session_generate: options is extreme in max_new_tokens", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.max_new_tokens, 0x01, sizeof o.s.max_new_tokens);
  ready(0); expect("ocelli_session_generate: options is extreme in max_new_tokens", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0xff, sizeof o.s.beams);
  ready(0); expect("ocelli_session_generate: options is extreme in beams", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0x7f, sizeof o.s.beams);
  ready(0); expect("ocelli_session_generate: options is extreme in beams", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0x01, sizeof o.s.beams);
  ready(0); expect("ocelli_session_generate: options is extreme in beams", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_k, 0xff, sizeof o.s.top_k);
  ready(0); expect("ocelli_session_generate: options is extreme in top_k", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_k, 0x7f, sizeof o.s.top_k);
  ready(0); expect("ocelli_session_generate: options is extreme in top_k", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_k, 0x01, sizeof o.s.top_k);
  ready(0); expect("ocelli_session_generate: options is extreme in top_k", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.temperature, 0xff, sizeof o.s.temperature);
  ready(0); expect("ocelli_session_generate: options is extreme in temperature", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.temperature, 0x7f, sizeof o.s.temperature);
  ready(0); expect("ocelli_session_generate: options is extreme in temperature", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.temperature, 0x01, sizeof o.s.temperature);
  ready(0); expect("ocelli_session_generate: options is extreme in temperature", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_p, 0xff, sizeof o.s.top_p);
  ready(0); expect("ocelli_session_generate: options is extreme in top_p", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_p, 0x7f, sizeof o.s.top_p);
  ready(0); expect("ocelli_session_generate: options is extreme in top_p", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_p, 0x01, sizeof o.s.top_p);
  ready(0); expect("ocelli_session_generate: options is extreme in top_p", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_p, 0xff, sizeof o.s.min_p);
  ready(0); expect("ocelli_session_generate: options is extreme in min_p", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_p, 0x7f, sizeof o.s.min_p);
  ready(0); expect("ocelli_session_generate: options is extreme in min_p", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_p, 0x01, sizeof o.s.min_p);
  ready(0); expect("ocelli_session_generate: options is extreme in min_p", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.repetition_penalty, 0xff, sizeof o.s.repetition_penalty);
  ready(0); expect("ocelli_session_generate: options is extreme in repetition_penalty", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.repetition_penalty, 0x7f, sizeof o.s.repetition_penalty);
  ready(0); expect("ocelli_session_generate: options is extreme in repetition_penalty", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.repetition_penalty, 0x01, sizeof o.s.repetition_penalty);
  ready(0); expect("ocelli_session_generate: options is extreme in repetition_penalty", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.length_penalty, 0xff, sizeof o.s.length_penalty);
  ready(0); expect("ocelli_session_generate: options is extreme in length_penalty", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.length_penalty, 0x7f, sizeof o.s.length_penalty);
  ready(0); expect("ocelli_session_generate: options is extreme in length_penalty", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.length_penalty, 0x01, sizeof o.s.length_penalty);
  ready(0); expect("ocelli_session_generate: options is extreme in length_penalty", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.early_stopping, 0xff, sizeof o.s.early_stopping);
  ready(0); expect("ocelli_session_generate: options is extreme in early_stopping", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.early_stopping, 0x7f, sizeof o.s.early_stopping);
  ready(0); expect("ocelli_session_generate: options is extreme in early_stopping", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.early_stopping, 0x01, sizeof o.s.early_stopping);
  ready(0); expect("ocelli_session_generate: options is extreme in early_stopping", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.no_repeat_ngram, 0xff, sizeof o.s.no_repeat_ngram);
  ready(0); expect("ocelli_session_generate: options is extreme in no_repeat_ngram", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.no_repeat_ngram, 0x7f, sizeof o.s.no_repeat_ngram);
  ready(0); expect("ocelli_session_generate: options is extreme in no_repeat_ngram", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.no_repeat_ngram, 0x01, sizeof o.s.no_repeat_ngram);
  ready(0); expect("ocelli_session_generate: options is extreme in no_repeat_ngram", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_new_tokens, 0xff, sizeof o.s.min_new_tokens);
  ready(0); expect("ocelli_session_generate: options is extreme in min_new_tokens", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_new_tokens, 0x7f, sizeof o.s.min_new_tokens);
  ready(0); expect("ocelli_session_generate: options is extreme in min_new_tokens", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_new_tokens, 0x01, sizeof o.s.min_new_tokens);
  ready(0); expect("ocelli_session_generate: options is extreme in min_new_tokens", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.seed, 0xff, sizeof o.s.seed);
  ready(0); expect("ocelli_session_generate: options is extreme in seed", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.seed, 0x7f, sizeof o.s.seed);
  ready(0); expect("ocelli_session_generate: options is extreme in seed", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.seed, 0x01, sizeof o.s.seed);
  ready(0); expect("ocelli_session_generate: options is extreme in seed", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.keep_special, 0xff, sizeof o.s.keep_special);
  ready(0); expect("ocelli_session_generate: options is extreme in keep_special", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.keep_special, 0x7f, sizeof o.s.keep_special);
  ready(0); expect("ocelli_session_generate: options is extreme in keep_special", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.keep_special, 0x01, sizeof o.s.keep_special);
  ready(0); expect("ocelli_session_generate: options is extreme in keep_special", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.speculate, 0xff, sizeof o.s.speculate);
  ready(0); expect("ocelli_session_generate: options is extreme in speculate", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.speculate, 0x7f, sizeof o.s.speculate);
  ready(0); expect("ocelli_session_generate: options is extreme in speculate", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.speculate, 0x01, sizeof o.s.speculate);
  ready(0); expect("ocelli_session_generate: options is extreme in speculate", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.stop_count, 0xff, sizeof o.s.stop_count);
  ready(0); expect("ocelli_session_generate: options is extreme in stop_count", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.stop_count, 0x7f, sizeof o.s.stop_count);
  ready(0); expect("ocelli_session_generate: options is extreme in stop_count", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.stop_count, 0x01, sizeof o.s.stop_count);
  ready(0); expect("ocelli_session_generate: options is extreme in stop_count", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.logprobs, 0xff, sizeof o.s.logprobs);
  ready(0); expect("ocelli_session_generate: options is extreme in logprobs", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.logprobs, 0x7f, sizeof o.s.logprobs);
  ready(0); expect("ocelli_session_generate: options is extreme in logprobs", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.logprobs, 0x01, sizeof o.s.logprobs);
  ready(0); expect("ocelli_session_generate: options is extreme in logprobs", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.bias_count, 0xff, sizeof o.s.bias_count);
  ready(0); expect("ocelli_session_generate: options is extreme in bias_count", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.bias_count, 0x7f, sizeof o.s.bias_count);
  ready(0); expect("ocelli_session_generate: options is extreme in bias_count", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.bias_count, 0x01, sizeof o.s.bias_count);
  ready(0); expect("ocelli_session_generate: options is extreme in bias_count", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.forced_count, 0xff, sizeof o.s.forced_count);
  ready(0); expect("ocelli_session_generate: options is extreme in forced_count", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.forced_count, 0x7f, sizeof o.s.forced_count);
  ready(0); expect("ocelli_session_generate: options is extreme in forced_count", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.forced_count, 0x01, sizeof o.s.forced_count);
  ready(0); expect("ocelli_session_generate: options is extreme in forced_count", ocelli_session_generate(W.session, &o.s, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  }
  ready(0); expect("ocelli_session_generate: piece is NULL", ocelli_session_generate(W.session, &W.generate_options, NULL, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_generate: user is NULL", ocelli_session_generate(W.session, &W.generate_options, on_piece, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_generate: finish is NULL", ocelli_session_generate(W.session, &W.generate_options, on_piece, NULL, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_start(void) { ready(0); return ocelli_session_start(W.session, &W.generate_options); }

static void wrong_ocelli_session_start(void) {
  ready(0); expect("ocelli_session_start: session is NULL", ocelli_session_start(NULL, &W.generate_options), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_start: session is closed", ocelli_session_start((ocelli_session *)(void *)W.closed_model, &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_start: session is of another kind", ocelli_session_start((ocelli_session *)(void *)W.model, &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_start: session is closed", ocelli_session_start((ocelli_session *)(void *)W.closed_session, &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_start: session is closed", ocelli_session_start((ocelli_session *)(void *)W.closed_image, &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_start: session is of another kind", ocelli_session_start((ocelli_session *)(void *)W.image, &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_start: session is made up", ocelli_session_start((ocelli_session *)(void *)&W, &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_start: session is made up", ocelli_session_start((ocelli_session *)(void *)W.buffer, &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_start: session is made up", ocelli_session_start((ocelli_session *)(void *)(void *)(uintptr_t)1, &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_start: session is made up", ocelli_session_start((ocelli_session *)(void *)(void *)(uintptr_t)-1, &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_start: session is made up", ocelli_session_start((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), &W.generate_options), BIT(OCELLI_ERR_BAD_HANDLE));
  { struct { ocelli_generate_options s; unsigned char tail[64]; } o; memset(&o, 0, sizeof o);
  ready(0); expect("ocelli_session_start: options is NULL", ocelli_session_start(W.session, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = 0;
  ready(0); expect("ocelli_session_start: options is of a wrong size", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 3;
  ready(0); expect("ocelli_session_start: options is of a wrong size", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 6;
  ready(0); expect("ocelli_session_start: options is of a wrong size", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4100;
  ready(0); expect("ocelli_session_start: options is of a wrong size", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = UINT32_MAX;
  ready(0); expect("ocelli_session_start: options is of a wrong size", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_PARAMETER));
  o.s.struct_size = 4;
  ready(0); expect("ocelli_session_start: options is of the oldest size", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.s.struct_size = sizeof o;
  ready(0); expect("ocelli_session_start: options is of a future size", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  o.tail[63] = 1;
  ready(0); expect("ocelli_session_start: options is of a future with something in it", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_UNSUPPORTED));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.max_new_tokens, 0xff, sizeof o.s.max_new_tokens);
  ready(0); expect("ocelli_session_start: options is extreme in max_new_tokens", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.max_new_tokens, 0x7f, sizeof o.s.max_new_tokens);
  ready(0); expect("ocelli_session_start: options is extreme in max_new_tokens", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.max_new_tokens, 0x01, sizeof o.s.max_new_tokens);
  ready(0); expect("ocelli_session_start: options is extreme in max_new_tokens", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0xff, sizeof o.s.beams);
  ready(0); expect("ocelli_session_start: options is extreme in beams", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0x7f, sizeof o.s.beams);
  ready(0); expect("ocelli_session_start: options is extreme in beams", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.beams, 0x01, sizeof o.s.beams);
  ready(0); expect("ocelli_session_start: options is extreme in beams", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_k, 0xff, sizeof o.s.top_k);
  ready(0); expect("ocelli_session_start: options is extreme in top_k", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_k, 0x7f, sizeof o.s.top_k);
  ready(0); expect("ocelli_session_start: options is extreme in top_k", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_k, 0x01, sizeof o.s.top_k);
  ready(0); expect("ocelli_session_start: options is extreme in top_k", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.temperature, 0xff, sizeof o.s.temperature);
  ready(0); expect("ocelli_session_start: options is extreme in temperature", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.temperature, 0x7f, sizeof o.s.temperature);
  ready(0); expect("ocelli_session_start: options is extreme in temperature", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.temperature, 0x01, sizeof o.s.temperature);
  ready(0); expect("ocelli_session_start: options is extreme in temperature", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_p, 0xff, sizeof o.s.top_p);
  ready(0); expect("ocelli_session_start: options is extreme in top_p", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_p, 0x7f, sizeof o.s.top_p);
  ready(0); expect("ocelli_session_start: options is extreme in top_p", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.top_p, 0x01, sizeof o.s.top_p);
  ready(0); expect("ocelli_session_start: options is extreme in top_p", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_p, 0xff, sizeof o.s.min_p);
  ready(0); expect("ocelli_session_start: options is extreme in min_p", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_p, 0x7f, sizeof o.s.min_p);
  ready(0); expect("ocelli_session_start: options is extreme in min_p", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_p, 0x01, sizeof o.s.min_p);
  ready(0); expect("ocelli_session_start: options is extreme in min_p", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.repetition_penalty, 0xff, sizeof o.s.repetition_penalty);
  ready(0); expect("ocelli_session_start: options is extreme in repetition_penalty", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.repetition_penalty, 0x7f, sizeof o.s.repetition_penalty);
  ready(0); expect("ocelli_session_start: options is extreme in repetition_penalty", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.repetition_penalty, 0x01, sizeof o.s.repetition_penalty);
  ready(0); expect("ocelli_session_start: options is extreme in repetition_penalty", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.length_penalty, 0xff, sizeof o.s.length_penalty);
  ready(0); expect("ocelli_session_start: options is extreme in length_penalty", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.length_penalty, 0x7f, sizeof o.s.length_penalty);
  ready(0); expect("ocelli_session_start: options is extreme in length_penalty", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.length_penalty, 0x01, sizeof o.s.length_penalty);
  ready(0); expect("ocelli_session_start: options is extreme in length_penalty", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.early_stopping, 0xff, sizeof o.s.early_stopping);
  ready(0); expect("ocelli_session_start: options is extreme in early_stopping", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.early_stopping, 0x7f, sizeof o.s.early_stopping);
  ready(0); expect("ocelli_session_start: options is extreme in early_stopping", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.early_stopping, 0x01, sizeof o.s.early_stopping);
  ready(0); expect("ocelli_session_start: options is extreme in early_stopping", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.no_repeat_ngram, 0xff, sizeof o.s.no_repeat_ngram);
  ready(0); expect("ocelli_session_start: options is extreme in no_repeat_ngram", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.no_repeat_ngram, 0x7f, sizeof o.s.no_repeat_ngram);
  ready(0); expect("ocelli_session_start: options is extreme in no_repeat_ngram", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.no_repeat_ngram, 0x01, sizeof o.s.no_repeat_ngram);
  ready(0); expect("ocelli_session_start: options is extreme in no_repeat_ngram", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_new_tokens, 0xff, sizeof o.s.min_new_tokens);
  ready(0); expect("ocelli_session_start: options is extreme in min_new_tokens", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_new_tokens, 0x7f, sizeof o.s.min_new_tokens);
  ready(0); expect("ocelli_session_start: options is extreme in min_new_tokens", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.min_new_tokens, 0x01, sizeof o.s.min_new_tokens);
  ready(0); expect("ocelli_session_start: options is extreme in min_new_tokens", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.seed, 0xff, sizeof o.s.seed);
  ready(0); expect("ocelli_session_start: options is extreme in seed", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.seed, 0x7f, sizeof o.s.seed);
  ready(0); expect("ocelli_session_start: options is extreme in seed", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.seed, 0x01, sizeof o.s.seed);
  ready(0); expect("ocelli_session_start: options is extreme in seed", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.keep_special, 0xff, sizeof o.s.keep_special);
  ready(0); expect("ocelli_session_start: options is extreme in keep_special", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.keep_special, 0x7f, sizeof o.s.keep_special);
  ready(0); expect("ocelli_session_start: options is extreme in keep_special", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.keep_special, 0x01, sizeof o.s.keep_special);
  ready(0); expect("ocelli_session_start: options is extreme in keep_special", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.speculate, 0xff, sizeof o.s.speculate);
  ready(0); expect("ocelli_session_start: options is extreme in speculate", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.speculate, 0x7f, sizeof o.s.speculate);
  ready(0); expect("ocelli_session_start: options is extreme in speculate", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.speculate, 0x01, sizeof o.s.speculate);
  ready(0); expect("ocelli_session_start: options is extreme in speculate", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.stop_count, 0xff, sizeof o.s.stop_count);
  ready(0); expect("ocelli_session_start: options is extreme in stop_count", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.stop_count, 0x7f, sizeof o.s.stop_count);
  ready(0); expect("ocelli_session_start: options is extreme in stop_count", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.stop_count, 0x01, sizeof o.s.stop_count);
  ready(0); expect("ocelli_session_start: options is extreme in stop_count", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.logprobs, 0xff, sizeof o.s.logprobs);
  ready(0); expect("ocelli_session_start: options is extreme in logprobs", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.logprobs, 0x7f, sizeof o.s.logprobs);
  ready(0); expect("ocelli_session_start: options is extreme in logprobs", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.logprobs, 0x01, sizeof o.s.logprobs);
  ready(0); expect("ocelli_session_start: options is extreme in logprobs", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.bias_count, 0xff, sizeof o.s.bias_count);
  ready(0); expect("ocelli_session_start: options is extreme in bias_count", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.bias_count, 0x7f, sizeof o.s.bias_count);
  ready(0); expect("ocelli_session_start: options is extreme in bias_count", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.bias_count, 0x01, sizeof o.s.bias_count);
  ready(0); expect("ocelli_session_start: options is extreme in bias_count", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.forced_count, 0xff, sizeof o.s.forced_count);
  ready(0); expect("ocelli_session_start: options is extreme in forced_count", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.forced_count, 0x7f, sizeof o.s.forced_count);
  ready(0); expect("ocelli_session_start: options is extreme in forced_count", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  memset(&o, 0, sizeof o); o.s.struct_size = sizeof o.s; memset(&o.s.forced_count, 0x01, sizeof o.s.forced_count);
  ready(0); expect("ocelli_session_start: options is extreme in forced_count", ocelli_session_start(W.session, &o.s), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  }
}

static int32_t right_ocelli_session_next(void) { ready(1); return ocelli_session_next(W.session, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number); }

static void wrong_ocelli_session_next(void) {
  ready(1); expect("ocelli_session_next: session is NULL", ocelli_session_next(NULL, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(1); expect("ocelli_session_next: session is closed", ocelli_session_next((ocelli_session *)(void *)W.closed_model, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: session is of another kind", ocelli_session_next((ocelli_session *)(void *)W.model, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: session is closed", ocelli_session_next((ocelli_session *)(void *)W.closed_session, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: session is closed", ocelli_session_next((ocelli_session *)(void *)W.closed_image, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: session is of another kind", ocelli_session_next((ocelli_session *)(void *)W.image, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: session is made up", ocelli_session_next((ocelli_session *)(void *)&W, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: session is made up", ocelli_session_next((ocelli_session *)(void *)W.buffer, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: session is made up", ocelli_session_next((ocelli_session *)(void *)(void *)(uintptr_t)1, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: session is made up", ocelli_session_next((ocelli_session *)(void *)(void *)(uintptr_t)-1, &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: session is made up", ocelli_session_next((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), &W.token, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(1); expect("ocelli_session_next: token is NULL", ocelli_session_next(W.session, NULL, W.buffer, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
  ready(1); expect("ocelli_session_next: buffer is NULL", ocelli_session_next(W.session, &W.token, NULL, sizeof W.buffer, &W.needed, &W.number), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(1); expect("ocelli_session_next: buffer is NULL without room", ocelli_session_next(W.session, &W.token, NULL, 0, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
  ready(1); expect("ocelli_session_next: capacity is of no size an object has", ocelli_session_next(W.session, &W.token, W.buffer, SIZE_MAX, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(1); expect("ocelli_session_next: capacity is small", ocelli_session_next(W.session, &W.token, W.buffer, 1, &W.needed, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
  ready(1); expect("ocelli_session_next: needed is NULL", ocelli_session_next(W.session, &W.token, W.buffer, sizeof W.buffer, NULL, &W.number), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
  ready(1); expect("ocelli_session_next: finish is NULL", ocelli_session_next(W.session, &W.token, W.buffer, sizeof W.buffer, &W.needed, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_answer(void) { ready(2); return ocelli_session_answer(W.session, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed); }

static void wrong_ocelli_session_answer(void) {
  ready(2); expect("ocelli_session_answer: session is NULL", ocelli_session_answer(NULL, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(2); expect("ocelli_session_answer: session is closed", ocelli_session_answer((ocelli_session *)(void *)W.closed_model, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: session is of another kind", ocelli_session_answer((ocelli_session *)(void *)W.model, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: session is closed", ocelli_session_answer((ocelli_session *)(void *)W.closed_session, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: session is closed", ocelli_session_answer((ocelli_session *)(void *)W.closed_image, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: session is of another kind", ocelli_session_answer((ocelli_session *)(void *)W.image, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: session is made up", ocelli_session_answer((ocelli_session *)(void *)&W, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: session is made up", ocelli_session_answer((ocelli_session *)(void *)W.buffer, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: session is made up", ocelli_session_answer((ocelli_session *)(void *)(void *)(uintptr_t)1, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: session is made up", ocelli_session_answer((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: session is made up", ocelli_session_answer((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_answer: buffer is NULL", ocelli_session_answer(W.session, NULL, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(2); expect("ocelli_session_answer: buffer is NULL without room", ocelli_session_answer(W.session, NULL, 0, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(2); expect("ocelli_session_answer: capacity is of no size an object has", ocelli_session_answer(W.session, W.buffer, SIZE_MAX, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(2); expect("ocelli_session_answer: capacity is small", ocelli_session_answer(W.session, W.buffer, 1, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(2); expect("ocelli_session_answer: needed is NULL", ocelli_session_answer(W.session, W.buffer, sizeof W.buffer, NULL, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(2); expect("ocelli_session_answer: tokens is NULL", ocelli_session_answer(W.session, W.buffer, sizeof W.buffer, &W.needed, NULL, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(2); expect("ocelli_session_answer: tokens is NULL without room", ocelli_session_answer(W.session, W.buffer, sizeof W.buffer, &W.needed, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(2); expect("ocelli_session_answer: token_capacity is of no size an object has", ocelli_session_answer(W.session, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(2); expect("ocelli_session_answer: token_capacity is small", ocelli_session_answer(W.session, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(2); expect("ocelli_session_answer: tokens is at an odd address", ocelli_session_answer(W.session, W.buffer, sizeof W.buffer, &W.needed, (uint32_t *)(void *)(W.buffer + 1), 9, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(2); expect("ocelli_session_answer: token_count is NULL", ocelli_session_answer(W.session, W.buffer, sizeof W.buffer, &W.needed, W.out_ids, sizeof W.out_ids / sizeof W.out_ids[0], NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_score(void) { ready(0); return ocelli_session_score(W.session, W.continuations, 1, W.sums, W.lengths); }

static void wrong_ocelli_session_score(void) {
  ready(0); expect("ocelli_session_score: session is NULL", ocelli_session_score(NULL, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_score: session is closed", ocelli_session_score((ocelli_session *)(void *)W.closed_model, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: session is of another kind", ocelli_session_score((ocelli_session *)(void *)W.model, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: session is closed", ocelli_session_score((ocelli_session *)(void *)W.closed_session, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: session is closed", ocelli_session_score((ocelli_session *)(void *)W.closed_image, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: session is of another kind", ocelli_session_score((ocelli_session *)(void *)W.image, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: session is made up", ocelli_session_score((ocelli_session *)(void *)&W, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: session is made up", ocelli_session_score((ocelli_session *)(void *)W.buffer, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: session is made up", ocelli_session_score((ocelli_session *)(void *)(void *)(uintptr_t)1, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: session is made up", ocelli_session_score((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: session is made up", ocelli_session_score((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.continuations, 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_score: continuations is NULL", ocelli_session_score(W.session, NULL, 5, W.sums, W.lengths), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_score: continuations is NULL and empty", ocelli_session_score(W.session, NULL, 0, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_score: count is of no size an object has", ocelli_session_score(W.session, W.continuations, SIZE_MAX, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_score: count is of a negative size", ocelli_session_score(W.session, W.continuations, (size_t)-2, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_score: count is empty", ocelli_session_score(W.session, W.continuations, 0, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_score: continuations is at an odd address", ocelli_session_score(W.session, (const char *const *)(const void *)(W.buffer + 1), 1, W.sums, W.lengths), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_score: sums is NULL", ocelli_session_score(W.session, W.continuations, 1, NULL, W.lengths), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_score: lengths is NULL", ocelli_session_score(W.session, W.continuations, 1, W.sums, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_logprobs(void) { ready(2); return ocelli_session_logprobs(W.session, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed); }

static void wrong_ocelli_session_logprobs(void) {
  ready(2); expect("ocelli_session_logprobs: session is NULL", ocelli_session_logprobs(NULL, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(2); expect("ocelli_session_logprobs: session is closed", ocelli_session_logprobs((ocelli_session *)(void *)W.closed_model, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: session is of another kind", ocelli_session_logprobs((ocelli_session *)(void *)W.model, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: session is closed", ocelli_session_logprobs((ocelli_session *)(void *)W.closed_session, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: session is closed", ocelli_session_logprobs((ocelli_session *)(void *)W.closed_image, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: session is of another kind", ocelli_session_logprobs((ocelli_session *)(void *)W.image, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: session is made up", ocelli_session_logprobs((ocelli_session *)(void *)&W, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: session is made up", ocelli_session_logprobs((ocelli_session *)(void *)W.buffer, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: session is made up", ocelli_session_logprobs((ocelli_session *)(void *)(void *)(uintptr_t)1, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: session is made up", ocelli_session_logprobs((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: session is made up", ocelli_session_logprobs((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(2); expect("ocelli_session_logprobs: tokens is NULL", ocelli_session_logprobs(W.session, NULL, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(2); expect("ocelli_session_logprobs: values is NULL", ocelli_session_logprobs(W.session, W.out_ids, NULL, sizeof W.out_ids / sizeof W.out_ids[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(2); expect("ocelli_session_logprobs: values is NULL without room", ocelli_session_logprobs(W.session, W.out_ids, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(2); expect("ocelli_session_logprobs: capacity is of no size an object has", ocelli_session_logprobs(W.session, W.out_ids, W.floats, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(2); expect("ocelli_session_logprobs: capacity is small", ocelli_session_logprobs(W.session, W.out_ids, W.floats, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(2); expect("ocelli_session_logprobs: values is at an odd address", ocelli_session_logprobs(W.session, W.out_ids, (float *)(void *)(W.buffer + 1), 9, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(2); expect("ocelli_session_logprobs: needed is NULL", ocelli_session_logprobs(W.session, W.out_ids, W.floats, sizeof W.out_ids / sizeof W.out_ids[0], NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_embed(void) { ready(0); return ocelli_session_embed(W.session, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed); }

static void wrong_ocelli_session_embed(void) {
  ready(0); expect("ocelli_session_embed: session is NULL", ocelli_session_embed(NULL, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_embed: session is closed", ocelli_session_embed((ocelli_session *)(void *)W.closed_model, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: session is of another kind", ocelli_session_embed((ocelli_session *)(void *)W.model, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: session is closed", ocelli_session_embed((ocelli_session *)(void *)W.closed_session, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: session is closed", ocelli_session_embed((ocelli_session *)(void *)W.closed_image, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: session is of another kind", ocelli_session_embed((ocelli_session *)(void *)W.image, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: session is made up", ocelli_session_embed((ocelli_session *)(void *)&W, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: session is made up", ocelli_session_embed((ocelli_session *)(void *)W.buffer, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: session is made up", ocelli_session_embed((ocelli_session *)(void *)(void *)(uintptr_t)1, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: session is made up", ocelli_session_embed((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: session is made up", ocelli_session_embed((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is NULL", ocelli_session_embed(W.session, NULL, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_embed: image is closed", ocelli_session_embed(W.session, (const ocelli_image *)(void *)W.closed_model, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is of another kind", ocelli_session_embed(W.session, (const ocelli_image *)(void *)W.model, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is closed", ocelli_session_embed(W.session, (const ocelli_image *)(void *)W.closed_session, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is of another kind", ocelli_session_embed(W.session, (const ocelli_image *)(void *)W.session, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is closed", ocelli_session_embed(W.session, (const ocelli_image *)(void *)W.closed_image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is made up", ocelli_session_embed(W.session, (const ocelli_image *)(void *)&W, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is made up", ocelli_session_embed(W.session, (const ocelli_image *)(void *)W.buffer, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is made up", ocelli_session_embed(W.session, (const ocelli_image *)(void *)(void *)(uintptr_t)1, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is made up", ocelli_session_embed(W.session, (const ocelli_image *)(void *)(void *)(uintptr_t)-1, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: image is made up", ocelli_session_embed(W.session, (const ocelli_image *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_embed: kind is 0", ocelli_session_embed(W.session, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_embed: kind is 1", ocelli_session_embed(W.session, W.image, 1, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_embed: kind is UINT32_MAX", ocelli_session_embed(W.session, W.image, UINT32_MAX, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_embed: kind is 0x7fffffff", ocelli_session_embed(W.session, W.image, 0x7fffffff, W.floats, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_embed: values is NULL", ocelli_session_embed(W.session, W.image, 0, NULL, sizeof W.floats / sizeof W.floats[0], &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_embed: values is NULL without room", ocelli_session_embed(W.session, W.image, 0, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_embed: capacity is of no size an object has", ocelli_session_embed(W.session, W.image, 0, W.floats, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_embed: capacity is small", ocelli_session_embed(W.session, W.image, 0, W.floats, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_embed: values is at an odd address", ocelli_session_embed(W.session, W.image, 0, (float *)(void *)(W.buffer + 1), 9, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_embed: needed is NULL", ocelli_session_embed(W.session, W.image, 0, W.floats, sizeof W.floats / sizeof W.floats[0], NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_match(void) { ready(0); return ocelli_session_match(W.session, W.image, W.text, W.text_size, &W.score); }

static void wrong_ocelli_session_match(void) {
  ready(0); expect("ocelli_session_match: session is NULL", ocelli_session_match(NULL, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_match: session is closed", ocelli_session_match((ocelli_session *)(void *)W.closed_model, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: session is of another kind", ocelli_session_match((ocelli_session *)(void *)W.model, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: session is closed", ocelli_session_match((ocelli_session *)(void *)W.closed_session, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: session is closed", ocelli_session_match((ocelli_session *)(void *)W.closed_image, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: session is of another kind", ocelli_session_match((ocelli_session *)(void *)W.image, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: session is made up", ocelli_session_match((ocelli_session *)(void *)&W, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: session is made up", ocelli_session_match((ocelli_session *)(void *)W.buffer, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: session is made up", ocelli_session_match((ocelli_session *)(void *)(void *)(uintptr_t)1, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: session is made up", ocelli_session_match((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: session is made up", ocelli_session_match((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is NULL", ocelli_session_match(W.session, NULL, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_match: image is closed", ocelli_session_match(W.session, (const ocelli_image *)(void *)W.closed_model, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is of another kind", ocelli_session_match(W.session, (const ocelli_image *)(void *)W.model, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is closed", ocelli_session_match(W.session, (const ocelli_image *)(void *)W.closed_session, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is of another kind", ocelli_session_match(W.session, (const ocelli_image *)(void *)W.session, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is closed", ocelli_session_match(W.session, (const ocelli_image *)(void *)W.closed_image, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is made up", ocelli_session_match(W.session, (const ocelli_image *)(void *)&W, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is made up", ocelli_session_match(W.session, (const ocelli_image *)(void *)W.buffer, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is made up", ocelli_session_match(W.session, (const ocelli_image *)(void *)(void *)(uintptr_t)1, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is made up", ocelli_session_match(W.session, (const ocelli_image *)(void *)(void *)(uintptr_t)-1, W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: image is made up", ocelli_session_match(W.session, (const ocelli_image *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.text, W.text_size, &W.score), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_match: text is NULL", ocelli_session_match(W.session, W.image, NULL, 5, &W.score), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_match: text is NULL and empty", ocelli_session_match(W.session, W.image, NULL, 0, &W.score), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_match: size is of no size an object has", ocelli_session_match(W.session, W.image, W.text, SIZE_MAX, &W.score), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_match: size is of a negative size", ocelli_session_match(W.session, W.image, W.text, (size_t)-2, &W.score), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_match: size is empty", ocelli_session_match(W.session, W.image, W.text, 0, &W.score), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_match: text is no UTF-8", ocelli_session_match(W.session, W.image, "\xff\xfe", 2, &W.score), BIT(OCELLI_ERR_INVALID_UTF8));
  ready(0); expect("ocelli_session_match: text is cut", ocelli_session_match(W.session, W.image, "\xe2\x82", 2, &W.score), BIT(OCELLI_ERR_INVALID_UTF8));
  ready(0); expect("ocelli_session_match: text is a NUL", ocelli_session_match(W.session, W.image, "\0", 1, &W.score), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_match: score is NULL", ocelli_session_match(W.session, W.image, W.text, W.text_size, NULL), BIT(OCELLI_ERR_NULL_PARAMETER));
}

static int32_t right_ocelli_session_save(void) { ready(0); return ocelli_session_save(W.session, W.buffer, sizeof W.buffer, &W.needed); }

static void wrong_ocelli_session_save(void) {
  ready(0); expect("ocelli_session_save: session is NULL", ocelli_session_save(NULL, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_save: session is closed", ocelli_session_save((ocelli_session *)(void *)W.closed_model, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: session is of another kind", ocelli_session_save((ocelli_session *)(void *)W.model, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: session is closed", ocelli_session_save((ocelli_session *)(void *)W.closed_session, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: session is closed", ocelli_session_save((ocelli_session *)(void *)W.closed_image, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: session is of another kind", ocelli_session_save((ocelli_session *)(void *)W.image, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: session is made up", ocelli_session_save((ocelli_session *)(void *)&W, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: session is made up", ocelli_session_save((ocelli_session *)(void *)W.buffer, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: session is made up", ocelli_session_save((ocelli_session *)(void *)(void *)(uintptr_t)1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: session is made up", ocelli_session_save((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: session is made up", ocelli_session_save((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.buffer, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_save: buffer is NULL", ocelli_session_save(W.session, NULL, sizeof W.buffer, &W.needed), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_save: buffer is NULL without room", ocelli_session_save(W.session, NULL, 0, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_save: capacity is of no size an object has", ocelli_session_save(W.session, W.buffer, SIZE_MAX, &W.needed), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_save: capacity is small", ocelli_session_save(W.session, W.buffer, 1, &W.needed), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_save: needed is NULL", ocelli_session_save(W.session, W.buffer, sizeof W.buffer, NULL), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK));
}

static int32_t right_ocelli_session_restore(void) { ready(0); return ocelli_session_restore(W.session, W.state, W.state_size); }

static void wrong_ocelli_session_restore(void) {
  ready(0); expect("ocelli_session_restore: session is NULL", ocelli_session_restore(NULL, W.state, W.state_size), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_restore: session is closed", ocelli_session_restore((ocelli_session *)(void *)W.closed_model, W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: session is of another kind", ocelli_session_restore((ocelli_session *)(void *)W.model, W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: session is closed", ocelli_session_restore((ocelli_session *)(void *)W.closed_session, W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: session is closed", ocelli_session_restore((ocelli_session *)(void *)W.closed_image, W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: session is of another kind", ocelli_session_restore((ocelli_session *)(void *)W.image, W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: session is made up", ocelli_session_restore((ocelli_session *)(void *)&W, W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: session is made up", ocelli_session_restore((ocelli_session *)(void *)W.buffer, W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: session is made up", ocelli_session_restore((ocelli_session *)(void *)(void *)(uintptr_t)1, W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: session is made up", ocelli_session_restore((ocelli_session *)(void *)(void *)(uintptr_t)-1, W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: session is made up", ocelli_session_restore((ocelli_session *)(void *)(void *)((uintptr_t)W.session ^ 0x40000), W.state, W.state_size), BIT(OCELLI_ERR_BAD_HANDLE));
  ready(0); expect("ocelli_session_restore: state is NULL", ocelli_session_restore(W.session, NULL, 5), BIT(OCELLI_ERR_NULL_PARAMETER));
  ready(0); expect("ocelli_session_restore: state is NULL and empty", ocelli_session_restore(W.session, NULL, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_STATE) | BIT(OCELLI_OK));
  ready(0); expect("ocelli_session_restore: size is of no size an object has", ocelli_session_restore(W.session, W.state, SIZE_MAX), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_restore: size is of a negative size", ocelli_session_restore(W.session, W.state, (size_t)-2), BIT(OCELLI_ERR_BAD_PARAMETER));
  ready(0); expect("ocelli_session_restore: size is empty", ocelli_session_restore(W.session, W.state, 0), BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_STATE) | BIT(OCELLI_OK));
}

static const struct function functions[] = {
  {"ocelli_abi_version", right_ocelli_abi_version, KIND_NONE, BIT(OCELLI_OK) | BIT(OCELLI_ERR_MEMORY)},
  {"ocelli_version", right_ocelli_version, KIND_NONE, BIT(OCELLI_OK) | BIT(OCELLI_ERR_MEMORY)},
  {"ocelli_features", right_ocelli_features, KIND_NONE, BIT(OCELLI_OK) | BIT(OCELLI_ERR_MEMORY)},
  {"ocelli_status_name", right_ocelli_status_name, KIND_NONE, BIT(OCELLI_OK) | BIT(OCELLI_ERR_MEMORY)},
  {"ocelli_last_error_code", right_ocelli_last_error_code, KIND_NONE, BIT(OCELLI_OK) | BIT(OCELLI_ERR_MEMORY)},
  {"ocelli_last_error", right_ocelli_last_error, KIND_NONE, BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_handle_error", right_ocelli_handle_error, KIND_NONE, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_check_model", right_ocelli_check_model, KIND_NONE, BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_model_open", right_ocelli_model_open, KIND_NONE, BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_model_open_memory", right_ocelli_model_open_memory, KIND_NONE, BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_model_open_fd", right_ocelli_model_open_fd, KIND_NONE, BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_model_close", right_ocelli_model_close, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_model_get_info", right_ocelli_model_get_info, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_model_meta", right_ocelli_model_meta, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_model_key", right_ocelli_model_key, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_plan", right_ocelli_plan, KIND_NONE, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_DEVICE) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_tokenize", right_ocelli_tokenize, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_detokenize", right_ocelli_detokenize, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_detokenize_with", right_ocelli_detokenize_with, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_token_piece", right_ocelli_token_piece, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_boxes", right_ocelli_boxes, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_image_open", right_ocelli_image_open, KIND_NONE, BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_image_open_memory", right_ocelli_image_open_memory, KIND_NONE, BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_image_open_with", right_ocelli_image_open_with, KIND_NONE, BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_FILE) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_image_open_pixels", right_ocelli_image_open_pixels, KIND_NONE, BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_image_size", right_ocelli_image_size, KIND_IMAGE, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_image_close", right_ocelli_image_close, KIND_IMAGE, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_session_open", right_ocelli_session_open, KIND_MODEL, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_session_close", right_ocelli_session_close, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BUSY) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_REENTRANT) | BIT(OCELLI_OK)},
  {"ocelli_session_fork", right_ocelli_session_fork, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BUDGET) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_session_cancel", right_ocelli_session_cancel, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_session_usage", right_ocelli_session_usage, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK)},
  {"ocelli_session_add_text", right_ocelli_session_add_text, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK)},
  {"ocelli_session_add_image", right_ocelli_session_add_image, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK)},
  {"ocelli_session_add_video", right_ocelli_session_add_video, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK)},
  {"ocelli_session_add_tokens", right_ocelli_session_add_tokens, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK)},
  {"ocelli_session_add_shot", right_ocelli_session_add_shot, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_session_add_turn", right_ocelli_session_add_turn, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_OK)},
  {"ocelli_session_take_turn_back", right_ocelli_session_take_turn_back, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_session_turn", right_ocelli_session_turn, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_session_clear", right_ocelli_session_clear, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_session_generate", right_ocelli_session_generate, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_session_start", right_ocelli_session_start, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_session_next", right_ocelli_session_next, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_ORDER) | BIT(OCELLI_OK)},
  {"ocelli_session_answer", right_ocelli_session_answer, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_session_score", right_ocelli_session_score, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONSTRAINT) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_MODEL) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_session_logprobs", right_ocelli_session_logprobs, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NOT_FOUND) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_session_embed", right_ocelli_session_embed, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_session_match", right_ocelli_session_match, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CANCELLED) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_INVALID_UTF8) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_UNSUPPORTED) | BIT(OCELLI_OK)},
  {"ocelli_session_save", right_ocelli_session_save, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_BUFFER_TOO_SMALL) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_OK)},
  {"ocelli_session_restore", right_ocelli_session_restore, KIND_SESSION, BIT(OCELLI_ERR_BAD_HANDLE) | BIT(OCELLI_ERR_BAD_PARAMETER) | BIT(OCELLI_ERR_CONTEXT) | BIT(OCELLI_ERR_IMAGE) | BIT(OCELLI_ERR_MEMORY) | BIT(OCELLI_ERR_NULL_PARAMETER) | BIT(OCELLI_ERR_PROMPT) | BIT(OCELLI_ERR_STATE) | BIT(OCELLI_OK)},
};

static void wrong_calls(void) {
  wrong_ocelli_last_error();
  wrong_ocelli_handle_error();
  wrong_ocelli_check_model();
  wrong_ocelli_model_open();
  wrong_ocelli_model_open_memory();
  wrong_ocelli_model_open_fd();
  wrong_ocelli_model_close();
  wrong_ocelli_model_get_info();
  wrong_ocelli_model_meta();
  wrong_ocelli_model_key();
  wrong_ocelli_plan();
  wrong_ocelli_tokenize();
  wrong_ocelli_detokenize();
  wrong_ocelli_detokenize_with();
  wrong_ocelli_token_piece();
  wrong_ocelli_boxes();
  wrong_ocelli_image_open();
  wrong_ocelli_image_open_memory();
  wrong_ocelli_image_open_with();
  wrong_ocelli_image_open_pixels();
  wrong_ocelli_image_size();
  wrong_ocelli_image_close();
  wrong_ocelli_session_open();
  wrong_ocelli_session_close();
  wrong_ocelli_session_fork();
  wrong_ocelli_session_cancel();
  wrong_ocelli_session_usage();
  wrong_ocelli_session_add_text();
  wrong_ocelli_session_add_image();
  wrong_ocelli_session_add_video();
  wrong_ocelli_session_add_tokens();
  wrong_ocelli_session_add_shot();
  wrong_ocelli_session_add_turn();
  wrong_ocelli_session_take_turn_back();
  wrong_ocelli_session_turn();
  wrong_ocelli_session_clear();
  wrong_ocelli_session_generate();
  wrong_ocelli_session_start();
  wrong_ocelli_session_next();
  wrong_ocelli_session_answer();
  wrong_ocelli_session_score();
  wrong_ocelli_session_logprobs();
  wrong_ocelli_session_embed();
  wrong_ocelli_session_match();
  wrong_ocelli_session_save();
  wrong_ocelli_session_restore();
}
