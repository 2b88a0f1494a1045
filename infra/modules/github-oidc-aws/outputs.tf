output "plan_identity" {
  description = "Identity that plans, for the pipeline's settings."
  value       = aws_iam_role.pipeline["plan"].arn
}

output "apply_identity" {
  description = "Identity that applies, for the pipeline's settings."
  value       = aws_iam_role.pipeline["apply"].arn
}

output "permissions_boundary" {
  description = "Boundary that the cells' roles must have: option permissions_boundary of aws-event-cell."
  value       = aws_iam_policy.boundary.arn
}
