// Ocelli for C++11 and later, in one header: handles that close themselves and failures that are exceptions. packaging/install
// puts it beside ocelli.h, which is the library's own interface and has more than is wrapped here: get() gives the handles.

#ifndef OCELLI_HPP
#define OCELLI_HPP

#include <ocelli.h>

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ocelli {

// What a call that failed said.
class error : public std::runtime_error {
 public:
  error(int32_t status, const std::string &message) : std::runtime_error(message), status_(status) {}
  int32_t status() const noexcept { return status_; }

 private:
  int32_t status_;
};

// Throws for anything but OCELLI_OK.
inline void check(int32_t status) {
  if (status == OCELLI_OK) {
    return;
  }
  std::vector<char> message(OCELLI_LAST_ERROR_CAPACITY);
  ocelli_last_error(message.data(), message.size(), nullptr);
  throw error(status, std::string(ocelli_status_name(status)) + ": " + message.data());
}

// A struct of defaults that knows its size.
template <class T>
T options() {
  T value = T();
  value.struct_size = sizeof value;
  return value;
}

struct closer {
  void operator()(ocelli_model *model) const noexcept { ocelli_model_close(model); }
  void operator()(ocelli_image *image) const noexcept { ocelli_image_close(image); }
  void operator()(ocelli_session *session) const noexcept { ocelli_session_close(session); }
};

class model {
 public:
  explicit model(const std::string &path, const ocelli_model_options *options = nullptr) {
    ocelli_model *raw = nullptr;
    check(ocelli_model_open(path.c_str(), options, &raw));
    handle_.reset(raw);
  }
  ocelli_model *get() const noexcept { return handle_.get(); }

 private:
  std::unique_ptr<ocelli_model, closer> handle_;
};

class image {
 public:
  explicit image(const std::string &path) {
    ocelli_image *raw = nullptr;
    check(ocelli_image_open(path.c_str(), &raw));
    handle_.reset(raw);
  }
  image(const void *pixels, size_t size, uint32_t width, uint32_t height, size_t stride, uint32_t order) {
    ocelli_image *raw = nullptr;
    check(ocelli_image_open_pixels(pixels, size, width, height, stride, order, &raw));
    handle_.reset(raw);
  }
  ocelli_image *get() const noexcept { return handle_.get(); }

 private:
  std::unique_ptr<ocelli_image, closer> handle_;
};

struct answer {
  std::string text;
  std::vector<uint32_t> tokens;
  int32_t finish;
};

class session {
 public:
  // Receives text as it comes; true ends it there, as 1 does in C. What it throws comes out of generate().
  typedef std::function<bool(const std::string &)> listener;

  explicit session(const model &of, const ocelli_session_options *options = nullptr) {
    ocelli_session *raw = nullptr;
    check(ocelli_session_open(of.get(), options, &raw));
    handle_.reset(raw);
  }
  session &add(const image &piece) {
    check(ocelli_session_add_image(get(), piece.get()));
    return *this;
  }
  session &add(const std::string &text) {
    check(ocelli_session_add_text(get(), text.data(), text.size()));
    return *this;
  }
  answer generate(const ocelli_generate_options *options = nullptr, const listener &listen = listener()) {
    call c = {listen, std::exception_ptr()};
    answer a;
    int32_t status = ocelli_session_generate(get(), options, listen ? on_piece : nullptr, &c, &a.finish);
    if (c.thrown) {
      std::rethrow_exception(c.thrown);
    }
    check(status);
    size_t bytes = 0, count = 0;
    check(ocelli_session_answer(get(), nullptr, 0, &bytes, nullptr, 0, &count));
    std::vector<char> text(bytes);
    a.tokens.resize(count);
    check(ocelli_session_answer(get(), text.data(), bytes, nullptr, a.tokens.data(), count, nullptr));
    a.text = text.data();
    return a;
  }
  session fork() {
    ocelli_session *raw = nullptr;
    check(ocelli_session_fork(get(), &raw));
    return session(raw);
  }
  void clear() { check(ocelli_session_clear(get())); }
  // From any thread or signal handler.
  void cancel() const noexcept { ocelli_session_cancel(get()); }
  ocelli_session *get() const noexcept { return handle_.get(); }

 private:
  struct call {
    const listener &listen;
    std::exception_ptr thrown;
  };
  explicit session(ocelli_session *raw) : handle_(raw) {}
  // Exceptions must not pass through the library.
  static int32_t on_piece(const char *piece, size_t size, void *user) {
    call *c = static_cast<call *>(user);
    try {
      return c->listen(std::string(piece, size)) ? 1 : 0;
    } catch (...) {
      c->thrown = std::current_exception();
      return 1;
    }
  }
  std::unique_ptr<ocelli_session, closer> handle_;
};

}  // namespace ocelli

#endif
