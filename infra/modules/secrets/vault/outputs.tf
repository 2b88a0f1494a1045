output "references" {
  description = "What each secret is referred to by, in place of its value."
  value       = { for name, _ in var.secrets : name => "${vault_mount.secrets.path}/data/${name}" }
}
