// As examples/c/caption.c, in C++.
//
//     c++ -std=c++11 caption.cpp -locelli -o caption
//     ./caption MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]

#include "ocelli.hpp"

#include <cstdlib>
#include <iostream>

int main(int argc, char **argv) {
  if (argc < 4) {
    std::cerr << "usage: caption MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]\n";
    return 2;
  }
  try {
    ocelli_generate_options options = ocelli::options<ocelli_generate_options>();
    options.temperature = argc > 4 ? static_cast<float>(std::atof(argv[4])) : 0.0f;
    options.seed = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 0;
    options.max_new_tokens = argc > 6 ? static_cast<uint32_t>(std::atoi(argv[6])) : 0;

    const ocelli::model model(argv[1]);
    ocelli::session session(model);
    const ocelli::image image(argv[2]);
    session.add(image).add(argv[3]);
    std::string streamed;
    const ocelli::answer answer = session.generate(&options, [&streamed](const std::string &piece) {
      streamed += piece;
      return false;
    });
    std::cout << streamed << "\ntokens:";
    for (uint32_t token : answer.tokens) {
      std::cout << ' ' << token;
    }
    std::cout << '\n';

    // A failure is an exception, and one of the caller's own passes through.
    bool passed = false;
    session.clear();
    session.add(image).add(argv[3]);
    try {
      session.generate(&options, [](const std::string &) -> bool { throw std::logic_error("mine"); });
    } catch (const std::logic_error &mine) {
      passed = std::string(mine.what()) == "mine";
    }
    return streamed == answer.text && passed ? 0 : 1;
  } catch (const ocelli::error &failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
