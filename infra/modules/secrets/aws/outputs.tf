output "references" {
  description = "What each secret is referred to by, in place of its value."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}
