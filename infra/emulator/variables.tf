variable "emulator" {
  description = "Address of what emulates the API of AWS, such as http://127.0.0.1:5000."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^https?://[^/]+$", var.emulator))
    error_message = "emulator must be an address without a path, such as http://127.0.0.1:5000."
  }
}
