// As examples/c/caption.c, in Go, through the same header. pkg-config says where header and library are:
//
//	export PKG_CONFIG_PATH=PREFIX/lib/pkgconfig LD_LIBRARY_PATH=PREFIX/lib
//	go run caption.go MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]
package main

/*
#cgo pkg-config: ocelli
#include <ocelli.h>
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"unsafe"
)

// check turns a status into an error. The message is the thread's, so main keeps to one.
func check(status C.int32_t) error {
	if status == C.OCELLI_OK {
		return nil
	}
	var message [C.OCELLI_LAST_ERROR_CAPACITY]C.char
	C.ocelli_last_error(&message[0], C.size_t(len(message)), nil)
	return errors.New(C.GoString(&message[0]))
}

func caption(path, picture, prompt string, temperature float64, seed uint64, most uint32) (string, []uint32, error) {
	var model *C.ocelli_model
	var image *C.ocelli_image
	var session *C.ocelli_session
	cPath, cPicture := C.CString(path), C.CString(picture)
	defer C.free(unsafe.Pointer(cPath))
	defer C.free(unsafe.Pointer(cPicture))
	if err := check(C.ocelli_model_open(cPath, nil, &model)); err != nil {
		return "", nil, err
	}
	defer C.ocelli_model_close(model)
	if err := check(C.ocelli_image_open(cPicture, &image)); err != nil {
		return "", nil, err
	}
	defer C.ocelli_image_close(image)
	if err := check(C.ocelli_session_open(model, nil, &session)); err != nil {
		return "", nil, err
	}
	defer C.ocelli_session_close(session)
	if err := check(C.ocelli_session_add_image(session, image)); err != nil {
		return "", nil, err
	}
	text := C.CString(prompt)
	defer C.free(unsafe.Pointer(text))
	if err := check(C.ocelli_session_add_text(session, text, C.size_t(len(prompt)))); err != nil {
		return "", nil, err
	}
	var options C.ocelli_generate_options
	options.struct_size = C.uint32_t(unsafe.Sizeof(options))
	options.temperature = C.float(temperature)
	options.seed = C.uint64_t(seed)
	options.max_new_tokens = C.uint32_t(most)
	if err := check(C.ocelli_session_generate(session, &options, nil, nil, nil)); err != nil {
		return "", nil, err
	}
	var answer [4096]C.char
	tokens := make([]uint32, 1024)
	var count C.size_t
	status := C.ocelli_session_answer(session, &answer[0], C.size_t(len(answer)), nil,
		(*C.uint32_t)(unsafe.Pointer(&tokens[0])), C.size_t(len(tokens)), &count)
	if err := check(status); err != nil {
		return "", nil, err
	}
	return C.GoString(&answer[0]), tokens[:count], nil
}

func main() {
	runtime.LockOSThread()
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: caption MODEL PICTURE PROMPT [TEMPERATURE SEED TOKENS]")
		os.Exit(2)
	}
	number := func(at int) string {
		if len(os.Args) > at {
			return os.Args[at]
		}
		return "0"
	}
	temperature, _ := strconv.ParseFloat(number(4), 32)
	seed, _ := strconv.ParseUint(number(5), 10, 64)
	most, _ := strconv.ParseUint(number(6), 10, 32)
	text, tokens, err := caption(os.Args[1], os.Args[2], os.Args[3], temperature, seed, uint32(most))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(text)
	fmt.Print("tokens:")
	for _, token := range tokens {
		fmt.Print(" ", token)
	}
	fmt.Println()
}
